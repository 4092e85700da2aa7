package org.peltast.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.peltast.bench.BenchException;
import org.peltast.data.DataException;
import org.peltast.diffusion.DiffusionException;
import org.peltast.distill.DivergedException;
import org.peltast.evaluate.EvaluationException;
import org.peltast.models.ModelException;
import org.peltast.runs.RunException;
import org.peltast.safetensors.SafetensorsException;
import org.peltast.tensor.MemoryException;
import org.peltast.tensor.TensorException;
import org.peltast.tensor.parallel.ParallelException;
import picocli.CommandLine;

/**
 * Turns what went wrong into one sentence on standard error and an exit code. A mistake that the
 * user can mend never shows a stack trace; a defect's trace goes to a file.
 */
final class Failures implements CommandLine.IExecutionExceptionHandler {
  private static final int MAX_SENTENCE = 1000;

  /** What the dynamic linker says of a library on a disk mounted noexec. */
  private static final Pattern NOEXEC =
      Pattern.compile("(/[^:]*)/[^/:]+: failed to map segment from shared object");

  /** What a failure comes to. */
  record Verdict(int exitCode, String sentence) {}

  @Override
  public int handleExecutionException(
      Exception failure, CommandLine command, CommandLine.ParseResult arguments) {
    return report(failure, command.getErr());
  }

  /** Prints the sentence; for a defect writes the trace and names the file. */
  static int report(Throwable failure, PrintWriter err) {
    Verdict verdict = judge(failure);
    if (verdict == null) {
      err.println("peltast: " + defect(failure));
      err.flush();
      return ExitCode.DEFECT;
    }
    err.println("peltast: " + verdict.sentence());
    err.flush();
    return verdict.exitCode();
  }

  /** The verdict on a foreseen failure; null if it is a defect. */
  static @Nullable Verdict judge(Throwable failure) {
    String unloadable = unloadable(failure);
    if (unloadable != null) {
      return new Verdict(
          ExitCode.FAILED,
          String.format(
              Locale.ROOT,
              "native libraries cannot be loaded from %s: no program may run from its disk, which is mounted noexec; set %s to a folder on another one.",
              unloadable,
              JvmSetup.NATIVES));
    }
    if (says(failure, "Too many open files")) {
      return new Verdict(
          ExitCode.FAILED,
          "this process may not open more files; allow more, as by `ulimit -n 256`, and start again.");
    }
    if (mayBeOfALibrary(failure)) {
      String complaint = Libraries.complaint();
      if (complaint != null) {
        return new Verdict(ExitCode.FAILED, complaint);
      }
    }
    if (failure instanceof MemoryException) {
      return new Verdict(ExitCode.FAILED, sentence(failure));
    }
    if (failure instanceof CommandException
        || failure instanceof BenchException
        || failure instanceof RunException
        || failure instanceof DataException
        || failure instanceof ModelException
        || failure instanceof EvaluationException
        || failure instanceof DiffusionException
        || failure instanceof TensorException
        || failure instanceof SafetensorsException) {
      return new Verdict(
          begunAndFailed(failure) ? ExitCode.FAILED : ExitCode.USAGE, sentence(failure));
    }
    if (failure instanceof ParallelException parallel) {
      return new Verdict(
          parallel.isMistake() ? ExitCode.USAGE : ExitCode.FAILED, sentence(failure));
    }
    if (failure instanceof DivergedException) {
      return new Verdict(ExitCode.FAILED, sentence(failure));
    }
    if (failure instanceof UncheckedIOException unchecked) {
      IOException cause = unchecked.getCause();
      return judge(cause == null ? new IOException(unchecked.getMessage()) : cause);
    }
    if (failure instanceof InvalidPathException e) {
      return new Verdict(
          ExitCode.USAGE,
          String.format(
              Locale.ROOT,
              "'%s' cannot be the name of a file here (%s); %s.",
              printable(e.getInput()),
              e.getReason(),
              JvmSetup.namesAreUtf8()
                  ? "choose another"
                  : "start in a UTF-8 locale, as by LC_ALL=C.UTF-8"));
    }
    if (failure instanceof NoSuchFileException e) {
      return new Verdict(ExitCode.USAGE, e.getFile() + " does not exist.");
    }
    if (failure instanceof AccessDeniedException e) {
      return new Verdict(
          ExitCode.USAGE,
          "this user may not read or write " + e.getFile() + "; change its permissions.");
    }
    if (failure instanceof NotDirectoryException || failure instanceof FileAlreadyExistsException) {
      return new Verdict(
          ExitCode.USAGE,
          ((FileSystemException) failure).getFile()
              + " is in the way: a file where a folder is wanted.");
    }
    if (failure instanceof CharacterCodingException) {
      return new Verdict(
          ExitCode.USAGE, "a file that is read is not UTF-8 text; save it as UTF-8.");
    }
    if (failure instanceof FileSystemException e && e.getReason() != null) {
      return new Verdict(
          ExitCode.FAILED, sentence(new IOException(e.getFile() + ": " + e.getReason())));
    }
    if (failure instanceof IOException) {
      return new Verdict(ExitCode.FAILED, sentence(failure));
    }
    if (failure instanceof OutOfMemoryError) {
      return new Verdict(
          ExitCode.FAILED,
          String.format(
              Locale.ROOT,
              "out of memory (%s); give the Java heap more, as in PELTAST_JAVA_OPTS=-Xmx4g, or use smaller batches.",
              failure.getMessage()));
    }
    if (failure instanceof NoClassDefFoundError || failure instanceof ExceptionInInitializerError) {
      return new Verdict(
          ExitCode.FAILED,
          String.format(
              Locale.ROOT,
              "a library is missing or damaged (%s), as after a download that was cut short; delete its jar from the Maven repository and start again, which fetches it anew.",
              printable(rootMessage(failure))));
    }
    if (failure instanceof UnsatisfiedLinkError && says(failure, "Could not create the cache")) {
      return new Verdict(
          ExitCode.FAILED,
          "this user may not write to any folder where native libraries are unpacked; set PELTAST_NATIVES to one.");
    }
    if (failure instanceof UnsatisfiedLinkError) {
      return new Verdict(
          ExitCode.FAILED,
          String.format(
              Locale.ROOT,
              "libtorch's natives cannot be loaded (%s); `peltast doctor` shows platform and cache.",
              failure.getMessage()));
    }
    return null;
  }

  /** The folder of a native library that the system would not make executable; null if none was. */
  private static @Nullable String unloadable(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      Matcher refused = NOEXEC.matcher(String.valueOf(cause.getMessage()));
      if (refused.find()) {
        return refused.group(1);
      }
    }
    return null;
  }

  private static boolean says(Throwable failure, String words) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (String.valueOf(cause.getMessage()).contains(words)) {
        return true;
      }
    }
    return false;
  }

  /** Whether something was not found or not loaded that comes in a jar. */
  private static boolean mayBeOfALibrary(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof LinkageError
          || cause instanceof ClassNotFoundException
          || String.valueOf(cause.getMessage()).contains("class path")) {
        return true;
      }
    }
    return false;
  }

  /** What the first cause says, with its type: these errors' own messages say little. */
  private static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getClass().getSimpleName() + ": " + root.getMessage();
  }

  /**
   * Whether a module's message tells of work that the machine or the mathematics stopped, not of
   * something that was asked wrongly: a run that diverged, or a disk that refused for another
   * reason than that the file is not there or not allowed.
   */
  private static boolean begunAndFailed(Throwable failure) {
    for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
      if (cause instanceof DivergedException
          || cause instanceof MemoryException
          || cause instanceof OutOfMemoryError) {
        return true;
      }
      if (cause instanceof IOException) {
        return !(cause instanceof NoSuchFileException
            || cause instanceof AccessDeniedException
            || cause instanceof NotDirectoryException
            || cause instanceof FileAlreadyExistsException
            || cause instanceof CharacterCodingException
            || (cause instanceof FileSystemException file
                && String.valueOf(file.getReason())
                    .matches("Not a directory|Read-only file system")));
      }
    }
    return false;
  }

  /** The message as a sentence: with an end, and never empty. */
  static String sentence(Throwable failure) {
    String message = failure.getMessage();
    return sentence(
        message == null || message.isBlank() ? failure.getClass().getSimpleName() : message);
  }

  /** A reason as a sentence on one line. */
  static String sentence(String reason) {
    String text = printable(reason.strip());
    return text.matches("(?s).*[.!?]") ? text : text + ".";
  }

  /** On one line and of readable length: names of files come from anybody. */
  static String printable(String text) {
    String line = text.replaceAll("[\\p{Cntrl}\\u2028\\u2029\\u202A-\\u202E]+", "␣");
    return line.length() <= MAX_SENTENCE ? line : line.substring(0, MAX_SENTENCE) + "….";
  }

  private static String defect(Throwable failure) {
    String what = failure.getClass().getSimpleName() + ": " + failure.getMessage();
    try {
      Path log = Files.createTempFile("peltast-", ".log");
      try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(log))) {
        failure.printStackTrace(out);
      }
      return String.format(
          Locale.ROOT,
          "internal error (%s); this is a defect, please report it with %s.",
          what,
          log);
    } catch (IOException unwritable) {
      return String.format(
          Locale.ROOT, "internal error (%s); this is a defect, and no log could be written.", what);
    }
  }
}
