package org.peltast.plan;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.peltast.training.UpdateOutline;
import org.peltast.training.UpdateOutline.Holding;
import org.peltast.training.UpdateOutline.PhaseOutline;

/** A plan in words and columns. */
final class PlanText {
  private static final String ROW = "%-14s %11s %11s %11s %11s %11s %11s %11s";

  private final Plan plan;
  private final UpdateOutline outline;
  private final UpdateOutline.Schedule schedule;
  private final List<String> lines = new ArrayList<>();

  PlanText(Plan plan) {
    this.plan = plan;
    this.outline = plan.outline();
    this.schedule =
        plan.target().schedule(plan.recipe().run().batch(), plan.recipe().run().microBatches());
  }

  List<String> lines() {
    head();
    roles();
    rest();
    choices();
    return lines;
  }

  private void head() {
    int batch = plan.recipe().run().batch();
    int parts = plan.recipe().run().microBatches();
    line(
        "%s, products in %s%s; a batch of %d, %s at once%s, captions of %d tokens",
        plan.target().device(),
        plan.precision(),
        outline.fused() ? " by fused kernels" : "",
        batch,
        plan.target().atOnce(batch, parts) == 1
            ? "1 item"
            : plan.target().atOnce(batch, parts) + " items",
        schedule.threads() > 1 ? " on each of " + schedule.threads() + " threads" : "",
        outline.text().tokens());
    lines.add("");
  }

  private void roles() {
    line(ROW, "", "numbers", "weights", "gradients", "optimiser", "average", "copies", "sum");
    for (Holding h : outline.holdings()) {
      long gradients = h.gradients() * schedule.threads();
      line(
          ROW,
          h.name(),
          String.format(Locale.ROOT, "%,d", h.weights()).length() > 11
              ? String.format(Locale.ROOT, "%.2f B", h.weights() / 1e9)
              : String.format(Locale.ROOT, "%,d", h.weights()),
          Plan.size(h.bytes()),
          shown(gradients),
          shown(h.moments()),
          shown(h.average()),
          shown(h.copies()),
          Plan.size(h.bytes() + gradients + h.moments() + h.average() + h.copies()));
    }
    lines.add("");
  }

  private static String shown(long bytes) {
    return bytes == 0 ? "-" : Plan.size(bytes);
  }

  private void rest() {
    String other =
        plan.recipe().memory().isCheckpointing()
            ? "without activation checkpointing "
            : "with activation checkpointing ";
    for (PhaseOutline p : outline.phases()) {
      entry(
          "activations, " + p.name(),
          outline.activations(p, schedule),
          plan.other().phases().stream()
              .filter(o -> o.name().equals(p.name()))
              .map(o -> other + Plan.size(plan.other().activations(o, schedule)))
              .findFirst()
              .orElse(""));
    }
    if (outline.host() > 0) {
      entry("moments, on the host", outline.host(), "not on the device");
    }
    entry("codec", outline.codec(), "");
    entry("tables", outline.tables(), "positions, the empty caption");
    entry(
        "text encoder",
        outline.text().bytes(),
        outline.text().rests() ? "before training, which it makes room for" : "");
    if (plan.target().process() > 0) {
      entry("process", plan.target().process(), "JVM and libraries");
    }
    entry(
        "peak",
        plan.peak(),
        String.format(
            Locale.ROOT,
            "%s the %s there are",
            plan.fits(plan.peak()) ? "fits" : "more than",
            Plan.size(plan.target().memory())));
  }

  private void choices() {
    if (plan.choices().isEmpty()) {
      return;
    }
    lines.add("");
    line("It would take less with");
    for (Plan.Choice c : plan.choices()) {
      line(
          "  %-44s %10s  %s",
          c.sets(), Plan.size(c.peak()), plan.fits(c.peak()) ? "fits" : "does not fit");
    }
  }

  private void entry(String name, long bytes, String remark) {
    line("%-26s %11s  %s", name, Plan.size(bytes), remark);
  }

  private void line(String format, Object... values) {
    lines.add(String.format(Locale.ROOT, format, values).stripTrailing());
  }
}
