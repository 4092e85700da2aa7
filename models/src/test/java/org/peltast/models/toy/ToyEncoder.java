package org.peltast.models.toy;

import java.util.List;
import java.util.Map;
import org.peltast.models.text.TextEncoder;
import org.peltast.models.text.TokenFeatures;

/** One token of two features, and a pooled vector of two more. */
record ToyEncoder() implements TextEncoder {
  @Override
  public String id() {
    return "toy-text";
  }

  @Override
  public int width() {
    return 2;
  }

  @Override
  public Map<String, Integer> vectors() {
    return Map.of(ToyNetwork.POOLED, 2);
  }

  @Override
  public int maxTokens() {
    return 1;
  }

  @Override
  public List<TokenFeatures> encode(List<String> prompts) {
    return prompts.stream()
        .map(
            p ->
                new TokenFeatures(
                    new float[] {p.length(), 1},
                    1,
                    2,
                    Map.of(ToyNetwork.POOLED, new float[] {p.hashCode() % 7, p.isEmpty() ? 0 : 1})))
        .toList();
  }

  @Override
  public void close() {}
}
