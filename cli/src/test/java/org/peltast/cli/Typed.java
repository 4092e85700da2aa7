package org.peltast.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;

/**
 * A command as typed, but run in this process: its exit code, its answer, and what it said beside.
 */
record Typed(int code, String out, String err) {
  static Typed in(String... words) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream console = System.err;
    int code;
    try (PrintStream to = new PrintStream(err, true, UTF_8)) {
      System.setErr(to); // what commands say beside their answer
      code =
          Main.execute(
              Main.commandLine()
                  .setOut(new PrintWriter(out, true, UTF_8))
                  .setErr(new PrintWriter(to, true, UTF_8)),
              words);
    } finally {
      System.setErr(console);
    }
    return new Typed(code, out.toString(UTF_8), err.toString(UTF_8));
  }
}
