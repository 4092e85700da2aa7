// What a reader may do with the page; without it, everything is still there to be seen.
(() => {
  "use strict";

  // A click on a prompt shows its pictures large; arrows lead to the next.
  const large = document.querySelector("dialog.large");
  const prompts = [...document.querySelectorAll(".gallery:not(.variety) figure")];
  if (large && large.showModal && prompts.length) {
    let shown = 0;
    const show = (i) => {
      shown = (i + prompts.length) % prompts.length;
      large.querySelector(".pictures").replaceWith(prompts[shown].querySelector(".pictures").cloneNode(true));
      large.querySelector("h3").textContent = prompts[shown].querySelector("figcaption").textContent;
      large.querySelector(".place").textContent = `${shown + 1} of ${prompts.length}`;
      if (!large.open) large.showModal();
    };
    prompts.forEach((figure, i) => {
      figure.classList.add("opens");
      figure.tabIndex = 0;
      figure.setAttribute("role", "button");
      figure.addEventListener("click", () => show(i));
      figure.addEventListener("keydown", (e) => {
        if (e.key === "Enter" || e.key === " ") {
          e.preventDefault();
          show(i);
        }
      });
    });
    large.addEventListener("keydown", (e) => {
      if (e.key === "ArrowRight") show(shown + 1);
      if (e.key === "ArrowLeft") show(shown - 1);
    });
    large.querySelector(".before").addEventListener("click", () => show(shown - 1));
    large.querySelector(".after").addEventListener("click", () => show(shown + 1));
    large.addEventListener("click", (e) => {
      if (e.target === large) large.close();
    });
  }

  // One slider moves the pictures of all runs together; each run goes from its first update to its last.
  const slider = document.querySelector(".slider");
  const strands = [...document.querySelectorAll(".strand")].map((strand) => ({
    moments: [...strand.querySelectorAll(".moments > div")],
    now: strand.querySelector(".now"),
  }));
  if (slider && strands.every((s) => s.now && s.moments.length)) {
    const range = slider.querySelector("input");
    range.max = Math.max(...strands.map((s) => s.moments.length)) - 1;
    const move = () => {
      for (const { moments, now } of strands) {
        const at = Math.round((range.value / range.max) * (moments.length - 1));
        moments.forEach((m, i) => m.classList.toggle("at", i === at));
        now.replaceChildren(...[...moments[at].children].map((child) => child.cloneNode(true)));
        const update = now.querySelector("i");
        update.textContent = `update ${update.textContent}`;
      }
    };
    range.value = range.max;
    range.addEventListener("input", move);
    strands.forEach(({ moments }) =>
      moments.forEach((m, i) =>
        m.addEventListener("click", () => {
          range.value = Math.round((i / Math.max(1, moments.length - 1)) * range.max);
          move();
        })));
    move();
    slider.hidden = false;
  }
})();
