package org.peltast.runs;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A piece of a recipe as it was written, before it is known what it should be. */
sealed interface RecipeNode {
  /** Where it was written: a file's name, or a --set. */
  String source();

  /** Key–value pairs, in the order of the text. */
  record Table(Map<String, RecipeNode> entries, String source) implements RecipeNode {}

  /** A list. */
  record Items(List<RecipeNode> items, String source) implements RecipeNode {}

  /** One value; null where the text says null, ~ or nothing. */
  record Scalar(@Nullable String text, String source) implements RecipeNode {}
}
