package org.peltast.bench;

import java.io.IOException;

/** A process that keeps one core busy until its standard input ends, as another program would. */
final class Busy {
  private Busy() {}

  /** Says so when it has begun. */
  public static void main(String... arguments) throws IOException {
    System.out.println("busy");
    double x = 1;
    while (System.in.available() == 0) { // throws once whoever started this is gone
      for (int i = 0; i < 10_000_000; i++) {
        x = x * 1.000001 + 1e-9;
      }
    }
    System.out.println(x);
  }
}
