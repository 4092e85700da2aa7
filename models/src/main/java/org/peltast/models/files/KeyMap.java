package org.peltast.models.files;

import java.util.List;
import java.util.Set;

/**
 * The names that a tool gives to a network's tensors, mapped to the names of its parameters, which
 * are those of diffusers.
 */
@FunctionalInterface
public interface KeyMap {
  /**
   * The parameters that a tensor of a file holds, one after another along its first axis: one for
   * most; several for a fused projection; none if it is no part of the network.
   */
  List<String> parameters(String tensor);

  /** Finds the map for a file by the names in it. */
  @FunctionalInterface
  interface Dialects {
    /** The map for a file with tensors of these names. */
    KeyMap of(Set<String> tensors);

    /** Files that have diffusers' names. */
    Dialects DIFFUSERS = tensors -> List::of;
  }
}
