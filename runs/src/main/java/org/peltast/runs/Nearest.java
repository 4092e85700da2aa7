package org.peltast.runs;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** "Did you mean …?" */
final class Nearest {
  private Nearest() {}

  /**
   * The known word that a mistyped one most likely stands for, if one is near: at most one letter
   * in three is wrong, missing, too much or swapped with its neighbour. Case and hyphens count
   * little.
   */
  static Optional<String> to(String word, Collection<String> known) {
    String plain = plain(word);
    String best = null;
    int least = Integer.MAX_VALUE;
    for (String candidate : known) {
      String other = plain(candidate);
      // Twice the distance without case, plus one if case differs, so that exact case wins a tie.
      int distance = 2 * distance(plain, other) + (candidate.equals(word) ? 0 : 1);
      if (distance < least
          && distance <= 2 * Math.max(1, Math.max(plain.length(), other.length()) / 3) + 1) {
        least = distance;
        best = candidate;
      }
    }
    return Optional.ofNullable(best);
  }

  private static String plain(String word) {
    return word.toLowerCase(Locale.ROOT).replace("-", "").replace("_", "");
  }

  /** The optimal string alignment distance (Damerau–Levenshtein without edits inside a swap). */
  static int distance(String a, String b) {
    int[] before = new int[b.length() + 1];
    int[] last = new int[b.length() + 1];
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      last[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int change = last[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(change, Math.min(last[j], row[j - 1]) + 1);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          row[j] = Math.min(row[j], before[j - 2] + 1);
        }
      }
      int[] spare = before;
      before = last;
      last = row;
      row = spare;
    }
    return last[b.length()];
  }
}
