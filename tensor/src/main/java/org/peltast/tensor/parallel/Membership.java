package org.peltast.tensor.parallel;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which of how many processes this is, and where they meet: torchrun's environment variables.
 *
 * @param agentStore whether whoever started the processes serves the meeting place itself, so that
 *     rank 0 does not (TORCHELASTIC_USE_AGENT_STORE)
 * @param round which start this is of the same processes (TORCHELASTIC_RESTART_COUNT)
 */
record Membership(
    int rank, int size, int localRank, String host, int port, boolean agentStore, String round) {
  static Membership of(Map<String, String> environment) {
    if (!environment.containsKey("RANK") && !environment.containsKey("WORLD_SIZE")) {
      return new Membership(0, 1, 0, "", 0, false, "");
    }
    int size = number(environment, "WORLD_SIZE", 1, 100_000);
    int rank = number(environment, "RANK", 0, size - 1);
    if (size == 1) {
      return new Membership(0, 1, 0, "", 0, false, "");
    }
    return new Membership(
        rank,
        size,
        environment.containsKey("LOCAL_RANK")
            ? number(environment, "LOCAL_RANK", 0, size - 1)
            : rank,
        required(environment, "MASTER_ADDR"),
        number(environment, "MASTER_PORT", 1, 65535),
        "True".equalsIgnoreCase(environment.get("TORCHELASTIC_USE_AGENT_STORE")),
        environment.getOrDefault("TORCHELASTIC_RESTART_COUNT", "0"));
  }

  private static String required(Map<String, String> environment, String name) {
    @Nullable String value = environment.get(name);
    if (value == null || value.isBlank()) {
      throw ParallelException.mistake(
          "the environment variable "
              + name
              + " is missing beside RANK and WORLD_SIZE; start with `peltast launch` or torchrun,"
              + " which set all, or unset these two for one process");
    }
    return value.strip();
  }

  private static int number(Map<String, String> environment, String name, int least, int most) {
    String value = required(environment, name);
    if (value.matches("[0-9]{1,9}")) {
      int number = Integer.parseInt(value);
      if (number >= least && number <= most) {
        return number;
      }
    }
    throw ParallelException.mistake(
        "the environment variable "
            + name
            + " must be a whole number from "
            + least
            + " to "
            + most
            + ", but is '"
            + value
            + "'");
  }
}
