package org.peltast.models.toy;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.peltast.diffusion.Condition;
import org.peltast.diffusion.NoiseSchedule;
import org.peltast.diffusion.Prediction;
import org.peltast.models.Backbone;
import org.peltast.models.ItemCost;
import org.peltast.models.ModelFamily;
import org.peltast.tensor.DType;
import org.peltast.tensor.Device;
import org.peltast.tensor.Precision;
import org.peltast.tensor.Scope;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Adapters;
import org.peltast.tensor.nn.Linear;
import org.peltast.tensor.nn.Parameters;

/**
 * A perceptron over each pixel's channels, its first token feature's mean and a pooled vector: as
 * little of a transformer as may be.
 */
final class ToyNetwork implements Backbone {
  static final String POOLED = "text_embeds";

  private final int channels;
  private final int hidden;
  private final int captionWidth;
  private final NoiseSchedule schedule;
  private final Parameters parameters;
  private final Linear in; // [hidden, channels + 1]
  private final Linear tokens; // [hidden, captionWidth]
  private final Linear pooled; // [hidden, 2]
  private final Linear out; // [channels, hidden]

  ToyNetwork(
      int channels,
      int hidden,
      int captionWidth,
      NoiseSchedule schedule,
      Device device,
      Precision precision) {
    this(channels, hidden, captionWidth, schedule, Parameters.on(device, precision));
  }

  private ToyNetwork(
      int channels, int hidden, int captionWidth, NoiseSchedule schedule, Parameters parameters) {
    this.parameters = parameters;
    this.channels = channels;
    this.hidden = hidden;
    this.captionWidth = captionWidth;
    this.schedule = schedule;
    in = new Linear(parameters.at("in"), channels + 1, hidden, true);
    tokens = new Linear(parameters.at("tokens"), captionWidth, hidden, false);
    pooled = new Linear(parameters.at("pooled"), 2, hidden, false);
    out = new Linear(parameters.at("out"), hidden, channels, true);
  }

  /** One vector a caption, [B, hidden]. */
  private record Read(Tensor rows) implements Text {
    @Override
    public int batch() {
      return (int) rows.size(0);
    }

    @Override
    public Text followedBy(Text other) {
      return new Read(Tensor.cat(List.of(rows, ((Read) other).rows), 0));
    }

    @Override
    public Text detached() {
      return new Read(rows.detach());
    }

    @Override
    public Text select(int... indices) {
      long[] places = Arrays.stream(indices).asLongStream().toArray();
      return new Read(rows.indexSelect(0, Tensor.of(places, places.length)));
    }

    @Override
    public Text keptBy(Scope scope) {
      return new Read(scope.keep(rows.copy()));
    }
  }

  @Override
  public Text read(Condition condition) {
    return new Read(
        tokens
            .forward(condition.features().select(1, 0))
            .add(pooled.forward(condition.vector(POOLED))));
  }

  @Override
  public Tensor forward(Tensor x, Tensor t, Text text) {
    Tensor rows = x.permute(0, 2, 3, 1); // [B, H, W, C]
    Tensor time =
        t.reshape(t.size(0), 1, 1, 1).mul(Tensor.ones(rows.size(0), rows.size(1), rows.size(2), 1));
    Tensor h = in.forward(Tensor.cat(List.of(rows, time), 3));
    h = h.add(((Read) text).rows().unsqueeze(1).unsqueeze(1)).silu();
    return out.forward(h).to(DType.FLOAT32).permute(0, 3, 1, 2).contiguous();
  }

  @Override
  public Prediction prediction() {
    return schedule.prediction();
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  @Override
  public ModelFamily family() {
    return new ToyFamily();
  }

  @Override
  public int channels() {
    return channels;
  }

  int hidden() {
    return hidden;
  }

  @Override
  public int multiple() {
    return 1;
  }

  @Override
  public long maxHeight() {
    return 64;
  }

  @Override
  public long maxWidth() {
    return 64;
  }

  @Override
  public int captionWidth() {
    return captionWidth;
  }

  @Override
  public ItemCost cost(int height, int width, int captionTokens) {
    double forward = 2.0 * height * width * hidden * (2 * channels + 1);
    return new ItemCost(2.0 * hidden * (captionWidth + 2), forward);
  }

  @Override
  public @Nullable String obstacleToFusion() {
    return "toys have no fused kernels";
  }

  @Override
  public ToyNetwork copy() {
    ToyNetwork twin = new ToyNetwork(channels, hidden, captionWidth, schedule, parameters.twin());
    twin.parameters.copyFrom(parameters);
    return twin;
  }

  @Override
  public ToyNetwork outline() {
    Parameters none = Parameters.on(Device.META, parameters.precision());
    return new ToyNetwork(channels, hidden, captionWidth, schedule, none);
  }

  @Override
  public ToyNetwork adapted(Adapters adapters) {
    return new ToyNetwork(channels, hidden, captionWidth, schedule, parameters.adapted(adapters));
  }

  @Override
  public void close() {
    parameters.close();
  }
}
