package org.peltast.report.figure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

class FigureWriterTest {
  @TempDir Path folder;

  private static Figure figure(List<Figure.Panel> panels) {
    return new Figure("Spear & shield", 2, panels);
  }

  private static Document parsed(Figure figure) throws Exception {
    byte[] svg = FigureWriter.svg(figure).getBytes(StandardCharsets.UTF_8);
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg));
  }

  private static List<String> texts(Document svg) {
    List<String> all = new ArrayList<>();
    NodeList nodes = svg.getElementsByTagName("text");
    for (int i = 0; i < nodes.getLength(); i++) {
      all.add(nodes.item(i).getTextContent());
    }
    return all;
  }

  private static Figure.Series line(String name, int style, double... ys) {
    List<Figure.Point> points = new ArrayList<>();
    for (int i = 0; i < ys.length; i++) {
      points.add(new Figure.Point(i, ys[i]));
    }
    return new Figure.Series(name, style, points);
  }

  private static Figure.Curves curves(boolean logarithmic, Figure.Series... series) {
    return new Figure.Curves("variance", "updates", "σ²", logarithmic, List.of(series));
  }

  @Test
  void aCurveRunsFromItsFirstPointToItsLast() throws Exception {
    Document svg = parsed(figure(List.of(curves(false, line("CA alone", 1, 0, 1, 2)))));
    assertThat(texts(svg))
        .contains("Spear & shield", "variance", "updates", "σ²", "CA alone", "0", "1", "2")
        .as("half a unit is a value, but half an update is none")
        .containsOnlyOnce("0.5", "1.5");
    List<String> paths = new ArrayList<>();
    NodeList lines = svg.getElementsByTagName("polyline");
    for (int i = 0; i < lines.getLength(); i++) {
      if (lines.item(i).getAttributes().getNamedItem("stroke").getNodeValue().equals("#d55e00")) {
        paths.add(lines.item(i).getAttributes().getNamedItem("points").getNodeValue());
      }
    }
    double[][] points =
        Arrays.stream(paths.get(0).split(" "))
            .map(p -> Arrays.stream(p.split(",")).mapToDouble(Double::parseDouble).toArray())
            .toArray(double[][]::new);
    assertThat(points).hasDimensions(3, 2);
    assertThat(points[1][0] - points[0][0]).isEqualTo(points[2][0] - points[1][0]);
    assertThat(points[0][1]).isGreaterThan(points[1][1]);
  }

  @Test
  void equalFactorsAreEqualLengthsOnALogarithmicAxis() throws Exception {
    String points =
        parsed(figure(List.of(curves(true, line("a", 0, 1, 10, 100)))))
            .getElementsByTagName("polyline")
            .item(0)
            .getAttributes()
            .getNamedItem("points")
            .getNodeValue();
    assertThat(points).isNotEmpty();
    String svg = FigureWriter.svg(figure(List.of(curves(true, line("a", 0, 1, 10, 100)))));
    assertThat(svg).contains(">1<", ">10<", ">100<");
  }

  @Test
  void whatIsNotFiniteLeavesAGap() throws Exception {
    Document svg = parsed(figure(List.of(curves(false, line("a", 0, 1, 2, Double.NaN, 3, 4)))));
    long strokes = 0;
    NodeList lines = svg.getElementsByTagName("polyline");
    for (int i = 0; i < lines.getLength(); i++) {
      strokes +=
          lines.item(i).getAttributes().getNamedItem("stroke").getNodeValue().equals("#0072b2")
              ? 1
              : 0;
    }
    assertThat(strokes).as("two pieces and the legend's").isEqualTo(3);
  }

  @Test
  void valuesHaveTheirNumbersAndUnmeasuredOnesADash() throws Exception {
    Figure.Values values =
        new Figure.Values(
            "alignment",
            "points",
            List.of(
                new Figure.Row("④", 0, 46.25, 45, 47),
                new Figure.Row("①", 1, Double.NaN, Double.NaN, Double.NaN)),
            45.5);
    assertThat(texts(parsed(figure(List.of(values))))).contains("④", "①", "46.3", "–");
  }

  /** The axis is right of the rows' names, so that its middle is near the page's edge. */
  @Test
  void anAxisesLongTitleStaysOnThePage() throws Exception {
    String title = "variance of latents ÷ the teacher's, 95 % over seeds and prompts";
    Figure.Values values =
        new Figure.Values(
            "variance",
            title,
            List.of(new Figure.Row("w_DM from 0.2, watched", 0, 1.3, 1.2, 1.4)),
            1.0);
    Document svg = parsed(figure(List.of(values, values)));
    double page =
        Double.parseDouble(svg.getDocumentElement().getAttribute("viewBox").split(" ")[2]);
    double half = new SvgCanvas(page, 1, "").width(title, 11) / 2;
    NodeList nodes = svg.getElementsByTagName("text");
    int titles = 0;
    for (int i = 0; i < nodes.getLength(); i++) {
      if (nodes.item(i).getTextContent().equals(title)) {
        String x = nodes.item(i).getAttributes().getNamedItem("x").getNodeValue();
        assertThat(Double.parseDouble(x)).isBetween(half, page - half);
        titles++;
      }
    }
    assertThat(titles).isEqualTo(2);
  }

  @Test
  void picturesStandUnderTheirColumnsAndGapsStayEmpty() throws Exception {
    BufferedImage red = new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB);
    red.setRGB(1, 1, 0xFF0000);
    Figure.Pictures pictures =
        new Figure.Pictures(
            "moments",
            List.of("0", "30"),
            List.of(
                new Figure.PictureRow("CA", List.of(red, red)),
                new Figure.PictureRow("DM", Arrays.asList(red, null))));
    Document svg = parsed(figure(List.of(pictures)));
    assertThat(svg.getElementsByTagName("image").getLength()).isEqualTo(3);
    assertThat(texts(svg)).contains("0", "30", "CA", "DM");
  }

  @Test
  void bothFilesAreWrittenAndTheSvgIsTheSameEachTime() throws Exception {
    Figure figure =
        figure(
            List.of(
                curves(false, line("a", 0, 1, 2), line("b", 1, 2, 1)),
                curves(true, line("c", 2, 1, 2))));
    FigureWriter.write(figure, folder.resolve("new"), "fig2");
    String svg = Files.readString(folder.resolve("new/fig2.svg"));
    assertThat(svg).isEqualTo(FigureWriter.svg(figure));
    BufferedImage png = ImageIO.read(folder.resolve("new/fig2.png").toFile());
    assertThat(png.getWidth()).isEqualTo(1720);
    long coloured =
        Arrays.stream(png.getRGB(0, 0, png.getWidth(), png.getHeight(), null, 0, png.getWidth()))
            .filter(rgb -> (rgb & 0xFFFFFF) == 0x0072B2)
            .count();
    assertThat(coloured).as("pixels of the first series").isGreaterThan(100);
  }

  @Test
  void aFigureWithoutPanelsIsRefused() {
    assertThatThrownBy(() -> figure(List.of())).isInstanceOf(IllegalArgumentException.class);
  }
}
