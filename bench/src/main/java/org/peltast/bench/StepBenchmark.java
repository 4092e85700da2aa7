package org.peltast.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleConsumer;
import org.peltast.runs.Progress;
import org.peltast.tensor.Engine;
import org.peltast.tensor.Precision;

/**
 * How an update is measured: a warm-up that is not counted, then the median of those that are; the
 * roofline before and after, since other processes can only lower it.
 *
 * @param precision of the products
 * @param warmUp before counting begins
 * @param updates that are counted
 */
public record StepBenchmark(Precision precision, WarmUp warmUp, int updates) {

  /**
   * Measures a shape.
   *
   * @param turn is told the seconds of each counted update after it: when others are measured in
   *     turns, this is theirs
   */
  public UpdateSummary measure(UpdateShape shape, Progress progress, DoubleConsumer turn) {
    ResidentMemory.forgetPeak();
    Roofline before = Roofline.measure();
    List<UpdateMeasurement> counted = new ArrayList<>();
    try (UpdateBenchmark benchmark = new UpdateBenchmark(shape, precision)) {
      WarmUp.Watch warming = warmUp.begin();
      benchmark.run(
          (measured, done) -> {
            if (warming.isOver()) {
              counted.add(measured);
              turn.accept(measured.seconds());
            } else {
              warming.after(done);
            }
            progress.step(counted.size(), updates, Map.of("seconds", measured.seconds()));
            return counted.size() < updates;
          });
      return UpdateSummary.of(
          benchmark, precision, Engine.threads(), counted, before.or(Roofline.measure()));
    }
  }
}
