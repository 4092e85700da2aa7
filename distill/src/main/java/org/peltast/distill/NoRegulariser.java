package org.peltast.distill;

/** No shield: the engine alone, to watch it run away (the paper's Fig. 3). */
public record NoRegulariser() implements Regulariser {
  @Override
  public Pull begin(Questions teacher, View view) {
    return new Pull() {};
  }
}
