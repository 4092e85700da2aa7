package org.peltast.cli;

import picocli.CommandLine.IVersionProvider;

/** Peltast's version, read from its jar. */
final class Version implements IVersionProvider {
  /** As in the manifest; "development" when run from class folders. */
  static String peltast() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  @Override
  public String[] getVersion() {
    return new String[] {"peltast " + peltast()};
  }
}
