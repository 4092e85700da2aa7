package org.peltast.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SheetTest {
  private static final int GREEN = 0xFF00FF00;

  private static List<BufferedImage> pictures(int count, int edge) {
    BufferedImage one = new BufferedImage(edge, edge, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < edge * edge; i++) {
      one.setRGB(i % edge, i / edge, GREEN);
    }
    return Collections.nCopies(count, one);
  }

  @Test
  void rowsStandBelowTheirTitlesAndSmallPicturesAreEnlarged() {
    Map<String, List<BufferedImage>> rows = new LinkedHashMap<>();
    rows.put("first", pictures(3, 16));
    rows.put("second", pictures(3, 16));
    BufferedImage sheet = new Sheet(rows).draw();
    assertThat(sheet.getWidth()).isEqualTo(3 * (64 + 4) + 4);
    assertThat(sheet.getHeight()).isEqualTo(2 * (16 + 4 + 64 + 4));
    for (int row = 0; row < 2; row++) {
      int top = row * 88;
      assertThat(dark(sheet, top, 20)).as("a title").isPositive();
      assertThat(sheet.getRGB(4, top + 20)).isEqualTo(GREEN);
      assertThat(sheet.getRGB(4 + 2 * 68 + 63, top + 20 + 63)).isEqualTo(GREEN);
    }
  }

  @Test
  void aLongRowGoesOnInTheNextLine() {
    BufferedImage sheet = new Sheet(Map.of("all", pictures(13, 64))).draw();
    assertThat(sheet.getWidth()).isEqualTo(12 * 68 + 4);
    assertThat(sheet.getHeight()).isEqualTo(20 + 2 * 68);
    assertThat(sheet.getRGB(4, 20 + 68)).isEqualTo(GREEN);
    assertThat(sheet.getRGB(4 + 68, 20 + 68)).as("nothing beside it").isEqualTo(0xFFFFFFFF);
  }

  private static long dark(BufferedImage sheet, int top, int height) {
    long count = 0;
    for (int i = 0; i < sheet.getWidth() * height; i++) {
      int rgb = sheet.getRGB(i % sheet.getWidth(), top + i / sheet.getWidth());
      count += (rgb & 0xFF) < 128 ? 1 : 0;
    }
    return count;
  }
}
