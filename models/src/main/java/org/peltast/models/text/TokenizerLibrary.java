package org.peltast.models.text;

/** What every use of Hugging Face's tokenizers library needs. */
public final class TokenizerLibrary {
  private TokenizerLibrary() {}

  /**
   * Keeps the library off the network: on a machine with CUDA it would otherwise look there for
   * natives, and on any machine report its use.
   */
  public static void stayOffline() {
    setIfAbsent("ai.djl.offline", "true");
    setIfAbsent("OPT_OUT_TRACKING", "true");
  }

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /** The text with U+FFFD for each half of a surrogate pair, which has no UTF-8 form. */
  public static String wellFormed(String text) {
    boolean broken =
        text.codePoints()
            .anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
    if (!broken) {
      return text;
    }
    StringBuilder mended = new StringBuilder(text.length());
    text.codePoints()
        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
        .forEach(mended::appendCodePoint);
    return mended.toString();
  }
}
