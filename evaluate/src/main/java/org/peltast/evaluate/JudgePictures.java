package org.peltast.evaluate;

import java.util.List;

/** Captioned real pictures in styles, as judges are trained on. */
public interface JudgePictures {
  /** How many. */
  int size();

  /** The pixels of a picture of the judge's size, row by row, R G B: s·s·3 bytes. */
  byte[] rgb(int index);

  /** All the ways in which a picture may be captioned, at least one. */
  List<String> captions(int index);

  /** Its style. */
  String family(int index);

  /** What it shows; pictures of the same concept and family are never each other's negatives. */
  String concept(int index);
}
