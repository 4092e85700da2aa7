package org.peltast.data;

/** Hears how far the preparation of a data set is; called from one thread at a time. */
@FunctionalInterface
public interface Preparation {
  /** Does not listen. */
  Preparation SILENT = (what, done, total) -> {};

  /**
   * So far.
   *
   * @param what is being done, in words
   * @param done pictures done
   * @param total all pictures
   */
  void progress(String what, int done, int total);
}
