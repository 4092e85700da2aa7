package org.peltast.data;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The drawn families of the emoji corpus: all permissively licensed, none share-alike. */
public enum EmojiFamily {
  /** Google's Noto emoji. */
  NOTO("noto", "noto", "Apache-2.0", "Google", "https://github.com/googlefonts/noto-emoji"),
  /** Google's older Noto emoji, with the faces that look like blobs. */
  NOTO_V1(
      "noto-v1", "noto blob", "Apache-2.0", "Google", "https://github.com/googlefonts/noto-emoji"),
  /** Microsoft's Fluent emoji in flat colours. */
  FLUENT_FLAT(
      "fluent-emoji-flat",
      "fluent flat",
      "MIT",
      "Microsoft Corporation",
      "https://github.com/microsoft/fluentui-emoji"),
  /** Microsoft's Fluent emoji with shading. */
  FLUENT_3D(
      "fluent-emoji",
      "fluent 3d",
      "MIT",
      "Microsoft Corporation",
      "https://github.com/microsoft/fluentui-emoji"),
  /** Mozilla's emoji of Firefox OS. */
  FIREFOX("fxemoji", "firefox", "Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji"),
  /** Twitter's emoji. */
  TWEMOJI("twemoji", "twemoji", "CC-BY-4.0", "Twitter", "https://github.com/twitter/twemoji"),
  /** EmojiOne 2, also known as EmojiTwo. */
  EMOJI_ONE(
      "emojione", "emojione", "CC-BY-4.0", "Emoji One", "https://github.com/EmojiTwo/emojitwo"),
  /** Streamline's outlined emoji. */
  STREAMLINE(
      "streamline-emojis",
      "streamline",
      "CC-BY-4.0",
      "Streamline",
      "https://github.com/webalys-hq/streamline-vectors");

  private static final Map<String, EmojiFamily> BY_ID =
      Arrays.stream(values()).collect(Collectors.toMap(EmojiFamily::id, family -> family));

  private final String id;
  private final String style;
  private final String license;
  private final String author;
  private final String source;

  EmojiFamily(String id, String style, String license, String author, String source) {
    this.id = id;
    this.style = style;
    this.license = license;
    this.author = author;
    this.source = source;
  }

  /** The name in Iconify's collection, by which items tell their family. */
  public String id() {
    return id;
  }

  /** The words for the style in captions. */
  public String style() {
    return style;
  }

  /** The SPDX identifier of the drawings' licence. */
  public String license() {
    return license;
  }

  /** Who drew it. */
  public String author() {
    return author;
  }

  /** Where the drawings come from. */
  public String source() {
    return source;
  }

  /** The family of an {@link #id}. */
  public static Optional<EmojiFamily> ofId(String id) {
    return Optional.ofNullable(BY_ID.get(id));
  }
}
