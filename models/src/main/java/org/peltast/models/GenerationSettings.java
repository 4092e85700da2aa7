package org.peltast.models;

import org.peltast.diffusion.Ddim;
import org.peltast.diffusion.EulerOde;
import org.peltast.diffusion.Guidance;
import org.peltast.diffusion.Renoise;
import org.peltast.diffusion.Sampler;
import org.peltast.diffusion.StepGrid;
import org.peltast.diffusion.StepSpacing;

/**
 * How pictures are drawn; a model folder keeps the settings that its model is meant for.
 *
 * @param height of the pictures, in pixels
 * @param width of the pictures, in pixels
 * @param grid the steps, in pre-shift time
 * @param guidance α of {@code u + α(c − u)}; a distilled model needs none
 * @param sampler how one step leads to the next
 * @param spacing how the grid of another number of steps is laid out
 */
public record GenerationSettings(
    int height, int width, StepGrid grid, Guidance guidance, Sampler sampler, StepSpacing spacing) {
  /** With steps of equal length. */
  public GenerationSettings(
      int height, int width, StepGrid grid, Guidance guidance, Sampler sampler) {
    this(height, width, grid, guidance, sampler, StepSpacing.UNIFORM);
  }

  /** Checks the sizes. */
  public GenerationSettings {
    if (height < 1 || width < 1) {
      throw new ModelException(
          "a picture of " + height + " × " + width + " pixels cannot be drawn");
    }
  }

  /** The same with n steps, laid out by the spacing. */
  public GenerationSettings withSteps(int n) {
    return new GenerationSettings(height, width, spacing.grid(n), guidance, sampler, spacing);
  }

  /** The same with other steps. */
  public GenerationSettings withGrid(StepGrid other) {
    return new GenerationSettings(height, width, other, guidance, sampler, spacing);
  }

  /** The same with another guidance scale; 1 is none. */
  public GenerationSettings withGuidance(double alpha) {
    return new GenerationSettings(height, width, grid, guidance.withAlpha(alpha), sampler, spacing);
  }

  /** The same with another sampler. */
  public GenerationSettings withSampler(Sampler other) {
    return new GenerationSettings(height, width, grid, guidance, other, spacing);
  }

  /** The same for pictures of another size. */
  public GenerationSettings withSize(int newHeight, int newWidth) {
    return new GenerationSettings(newHeight, newWidth, grid, guidance, sampler, spacing);
  }

  /** Network evaluations that one picture costs. */
  public int evaluations() {
    return grid.size() * (guidance.isOn() ? 2 : 1);
  }

  /** A sampler's name: "euler", "ddim" or "renoise". */
  public static String name(Sampler sampler) {
    if (sampler instanceof EulerOde) {
      return "euler";
    }
    return sampler instanceof Ddim ? "ddim" : "renoise";
  }

  /**
   * The sampler of a name.
   *
   * @throws ModelException if there is none
   */
  public static Sampler sampler(String name) {
    return switch (name) {
      case "euler" -> new EulerOde();
      case "ddim" -> new Ddim();
      case "renoise" -> new Renoise();
      default ->
          throw new ModelException("unknown sampler " + name + "; use euler, ddim or renoise");
    };
  }
}
