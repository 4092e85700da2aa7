package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.peltast.data.CaptionedImages;
import org.peltast.data.DataException;
import org.peltast.training.Corpus.Standing;

/** What a user's own pictures are measured on and against, and what they are called. */
class MeasuredCorpusTest {
  private record Own(int size) implements CaptionedImages {
    @Override
    public String name() {
      return "own";
    }

    @Override
    public List<String> captions(int index) {
      return List.of("picture " + index);
    }

    @Override
    public String checksum() {
      return "c0ffee" + size;
    }

    @Override
    public int height() {
      return 8;
    }

    @Override
    public int width() {
      return 8;
    }

    @Override
    public Item item(int index) {
      return new Item("", "picture " + index, index + ".png");
    }

    @Override
    public void pixels(int index, byte[] rgb, int offset) {
      rgb[offset] = (byte) index;
    }
  }

  private static Corpus own(int size) {
    return new Corpus.OfFolder(List.of(new Own(size)));
  }

  @Test
  void ownPicturesAreMeasuredAgainstOthersOfTheirKindAndNeverAgainstThemselves() {
    for (int count : new int[] {3, 5, 1000}) {
      Corpus.Measured set = own(11).measured(count);
      assertThat(set.examples().size()).isEqualTo(Math.min(count, 5));
      List<Integer> all = new ArrayList<>(set.examples().indices());
      all.addAll(set.reference().orElseThrow().indices());
      assertThat(all).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
      assertThat(set.all().size()).isEqualTo(11);
    }
    assertThatThrownBy(() -> own(3).measured(10))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("own has 3 pictures of one size, but measuring needs four");
  }

  @Test
  void whatWasLearntFromIsNeverCalledHeldOut() {
    assertThat(own(11).measured(4).standing()).isEqualTo(Standing.LEARNT);
    String run = "{\n  \"inputs\" : {\n    \"images own\" : \"c0ffee11\"\n  }\n}";
    assertThat(own(11).standing(Map.of("run", run))).isEqualTo(Standing.LEARNT);
    assertThat(own(12).standing(Map.of("run", run))).isEqualTo(Standing.UNKNOWN);
    assertThat(own(12).standing(Map.of())).isEqualTo(Standing.UNKNOWN);
    for (Standing known : Standing.values()) {
      assertThat(known.or(Standing.LEARNT)).isEqualTo(Standing.LEARNT);
      assertThat(Standing.HELD_OUT.or(known)).isEqualTo(known);
      if (known != Standing.HELD_OUT) {
        assertThat(known.words()).doesNotContain("held-out");
      }
    }
  }
}
