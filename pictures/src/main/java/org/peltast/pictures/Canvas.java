package org.peltast.pictures;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import javax.imageio.ImageReader;
import javax.imageio.metadata.IIOMetadata;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Where the first frame of an animation lies on the canvas. Tools that make animations smaller cut
 * each frame to what it changes, the first one too.
 *
 * @param width of the whole; the canvas, or more where the frame reaches beyond it
 * @param left where the frame begins
 */
record Canvas(int width, int height, int left, int top) {
  /** A GIF's: its logical screen. */
  static Canvas ofGif(ImageReader reader) throws IOException {
    Element frame = child(reader.getImageMetadata(0), "ImageDescriptor");
    Element screen = child(reader.getStreamMetadata(), "LogicalScreenDescriptor");
    int left = number(frame, "imageLeftPosition");
    int top = number(frame, "imageTopPosition");
    return new Canvas(
        Math.max(number(screen, "logicalScreenWidth"), left + number(frame, "imageWidth")),
        Math.max(number(screen, "logicalScreenHeight"), top + number(frame, "imageHeight")),
        left,
        top);
  }

  private static Element child(IIOMetadata metadata, String name) throws IOException {
    Node root = metadata.getAsTree(metadata.getNativeMetadataFormatName());
    for (Node at = root.getFirstChild(); at != null; at = at.getNextSibling()) {
      if (at instanceof Element element && element.getTagName().equals(name)) {
        return element;
      }
    }
    throw new IOException("it has no " + name);
  }

  private static int number(Element element, String name) {
    return Integer.parseInt(element.getAttribute(name));
  }

  /** The frame in its place; transparent beside it. */
  BufferedImage around(BufferedImage frame) {
    if (width == frame.getWidth() && height == frame.getHeight()) {
      return frame;
    }
    BufferedImage whole = new BufferedImage(width, height, BufferedImage.TYPE_INT_ARGB);
    Graphics2D graphics = whole.createGraphics();
    try {
      graphics.drawImage(frame, left, top, null);
    } finally {
      graphics.dispose();
    }
    return whole;
  }
}
