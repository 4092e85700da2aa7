package org.peltast.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.peltast.models.ModelException;

/** What Jinja makes of a message, worked out by hand and confirmed with it. */
class ChatTemplateTest {
  private static String user(String template) {
    return ChatTemplate.of(template).user("hi");
  }

  @Test
  void blanksGoAsTransformersHasThem() {
    assertThat(user("a {{ 'b' }} c")).isEqualTo("a b c");
    assertThat(user("a\n{{- 'b' -}}\n c")).isEqualTo("abc");
    assertThat(user("a\n  {% if true %}\nb\n  {% endif %}\nc")).isEqualTo("a\nb\nc");
    assertThat(user("  {% if true %}\nb{% endif %}")).isEqualTo("b");
    assertThat(user("{{ 'x' }}\n{# note #}\ny")).isEqualTo("x\ny");
    assertThat(user("x {% if true %} y {% endif %} z")).isEqualTo("x  y  z");
    assertThat(
            user(
                "{% if true %}{% if true %}\n  {% endif %}x\n{%- endif %}  {% if true %}y{% endif %}"))
        .isEqualTo("x  y");
    assertThat(user("a{% if true -%}\n\n b {%+ if true +%}\n c{% endif %}{% endif %}"))
        .isEqualTo("ab \n c");
    assertThat(user("x\r\ny\n")).isEqualTo("x\ny");
  }

  @Test
  void statementsAndOperators() {
    assertThat(user("{% for m in messages %}{{ m['role'] }}:{{ m.content }}{% endfor %}"))
        .isEqualTo("user:hi");
    assertThat(
            user("{% if messages[0].role == 'system' %}s{% elif tools %}t{% else %}e{% endif %}"))
        .isEqualTo("e");
    assertThat(
            user(
                "{% set ns = namespace(n=0, seen=false) %}{% for m in messages[::-1] %}"
                    + "{% set ns.n = ns.n + messages|length * 2 %}{% set n = 9 %}{% endfor %}"
                    + "{{ ns.n }}{{ ns.seen }}{{ n is defined }}"))
        .isEqualTo("2FalseFalse");
    assertThat(user("{{ 'a' if messages|length > 1 else 'b' }}{{ 7 // 2 }}{{ 7 % 4 ~ 'x' }}"))
        .isEqualTo("b33x");
    assertThat(
            user(
                "{% if not(messages[0].content.startswith('<t>') and true) and 'h' in"
                    + " messages[-1].content and messages[0].content is string and enable_thinking"
                    + " is not false %}y{% endif %}"))
        .isEqualTo("y");
    assertThat(user("{% for m in messages %}{{ loop.first }}{{ loop.index0 }}{% endfor %}"))
        .isEqualTo("True0");
    assertThat(user("{{ ' a '|trim ~ 'b\\n'.strip() ~ 'x,y'.split(',')[-1] }}")).isEqualTo("aby");
  }

  @Test
  void whatIsNotReachedNeedNotBeKnown() {
    assertThat(
            user(
                "{% if tools %}{% for a, b in tools.items() %}{{ a | tojson(indent=2) }}"
                    + "{{ strftime_now('%d') }}{% endfor %}{% endif %}ok"))
        .isEqualTo("ok");
    assertThatThrownBy(() -> user("{{ messages | tojson(indent=2) }}"))
        .hasMessageContaining("before '='");
  }

  private static PromptFormat format(String template) {
    return PromptFormat.chat(Path.of("tokenizer_config.json"), template);
  }

  @Test
  void aTemplateIsAFormat() {
    String chat =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    assertThat(format(chat)).isSameAs(PromptFormat.QWEN3_CHAT);
    PromptFormat own = format("[{{ messages[0].content }}]");
    assertThat(own.apply("x")).isEqualTo("[x]");
    assertThat(own.apply("")).isEqualTo("[]");
    assertThat(own.id()).isEqualTo("chat-own");
  }

  private static void refused(String template, String said) {
    assertThatThrownBy(() -> format(template))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith("tokenizer_config.json: the chat template cannot be applied here: ")
        .hasMessageContaining(said);
  }

  @Test
  void whatCannotBeAppliedIsSaid() {
    refused("nothing", "does not hold the message once");
    refused("{{ messages[0].content }}{{ messages[0].content }}", "the message once");
    refused("{{ messages[0].content | trim }}", "message once");
    refused("{{ messages[0].content }}{% if messages[0].content == '' %}x{% endif %}", "changes");
    refused("{% if true %}", "a block is not ended");
    refused("{% endif %}", "a block ends that was not begun");
    refused("{% macro x() %}{% endmacro %}", "the statement macro is not supported");
    refused("{{ raise_exception('no system') }}", "it says: no system");
    refused("{{ messages[0].content.title() }}", "the method title is not supported");
    refused("{{ 1 // 0 }}", "divides by zero");
    refused("{{ 99999999999999999999 }}", "too large");
    refused("{{ 'a", "does not hold");
  }
}
