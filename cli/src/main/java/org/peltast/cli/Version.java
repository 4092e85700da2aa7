package org.peltast.cli;

import org.peltast.training.Origin;
import picocli.CommandLine.IVersionProvider;

/** Peltast's version, read from its jar. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"peltast " + Origin.peltast()};
  }
}
