package org.peltast.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.peltast.runs.Recipes;
import org.peltast.runs.RunException;

/** A teacher's recipe names its network's family, or means the standard one. */
class TeacherRecipeTest {
  private static final Recipes<TeacherRecipe> RECIPES = Recipes.over(TeacherRecipe.defaults());

  private static TeacherRecipe parse(String yaml, String... sets) {
    return RECIPES.parse(yaml, "recipe.yaml", List.of(sets));
  }

  @Test
  void theFamilyMayBeLeftOut() {
    assertThat(parse("model: {family: z-image}")).isEqualTo(TeacherRecipe.defaults());
    assertThat(parse("", "model.dim=64", "model.axesDims=[8, 4, 4]"))
        .isEqualTo(parse("model: {family: z-image, dim: 64, axesDims: [8, 4, 4]}"))
        .isNotEqualTo(TeacherRecipe.defaults());
  }

  /** As a run folder has it that was begun before there were families. */
  @Test
  void whatWasStoredWithoutAFamilyMeansTheSame() {
    String stored =
        """
        model:
          codec: taef2
          patch: 1
          dim: 192
          layers: 6
          refinerLayers: 1
          heads: 4
          axesDims: [16, 16, 16]
          axesLens: [160, 64, 64]
          shift: 1e0
        """;
    assertThat(parse(stored)).isEqualTo(TeacherRecipe.defaults());
    String written = RECIPES.write(TeacherRecipe.defaults());
    assertThat(written).contains("model:\n  family: z-image\n  codec: taef2\n");
    assertThat(parse(written)).isEqualTo(TeacherRecipe.defaults());
  }

  @Test
  void mistakesAreToldByPath() {
    assertThatThrownBy(() -> parse("", "model.family=z-imge"))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("'z-imge'; did you mean 'z-image'?");
    assertThatThrownBy(() -> parse("", "model.dim=0"))
        .isInstanceOf(RunException.class)
        .hasMessage(
            "--set model.dim=0: model: dim must be from 1 to 65536 and patch from 1 to 256, but"
                + " they are 0 and 1.");
    assertThatThrownBy(() -> parse("", "model.dims=64"))
        .isInstanceOf(RunException.class)
        .hasMessage("--set model.dims=64: unknown key 'model.dims'; did you mean 'model.dim'?");
    assertThatThrownBy(() -> parse("", "model.dim=100"))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("axes_dims [16, 16, 16] must add up to dim / n_heads = 25");
  }
}
