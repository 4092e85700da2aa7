package org.peltast.safetensors;

import java.nio.file.Path;
import java.util.Set;

/** The sentence about a tensor that is not there. */
final class Names {
  private Names() {}

  static SafetensorsException missing(Path path, String name, Set<String> names) {
    int least = Math.max(2, name.length() / 4) + 1;
    String nearest = null;
    for (String candidate : names) {
      if (Math.abs(candidate.length() - name.length()) < least) {
        int distance = StrictText.editDistance(name, candidate);
        if (distance < least) {
          least = distance;
          nearest = candidate;
        }
      }
    }
    return new SafetensorsException(
        path,
        name,
        "there is no such tensor among its " + names.size(),
        nearest == null
            ? "check that this is the checkpoint of the model you mean"
            : "the most similar name is " + StrictText.quoted(nearest));
  }
}
