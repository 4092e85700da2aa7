package org.peltast.models.text;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.peltast.tensor.Tensor;
import org.peltast.tensor.nn.Parameters;

/**
 * The network of a text encoder: from token ids to hidden states. A {@link TextEncoder} puts a
 * tokenizer and a prompt format before it.
 */
public interface TextNetwork extends AutoCloseable {
  /** The input of the last layer, as transformers' {@code hidden_states[-2]}: [B, S, D]. */
  String PENULTIMATE = "hidden_states.-2";

  /** The output of the network: [B, S, D]. */
  String LAST = "last_hidden_state";

  /** The weights, under the checkpoint's names without a prefix. */
  Parameters parameters();

  /**
   * All that the reference's network answers, by the names of golden files: {@link #PENULTIMATE},
   * {@link #LAST}, and what pools them where there is such.
   *
   * @param ids int64 [B, S]
   * @param mask [B, S], not 0 where a token is no padding; null where none is
   * @return float32, in the current scope
   */
  Map<String, Tensor> outputs(Tensor ids, @Nullable Tensor mask);

  /** Frees the weights. */
  @Override
  void close();
}
