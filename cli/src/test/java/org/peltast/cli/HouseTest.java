package org.peltast.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.peltast.distill.Method;
import org.peltast.distill.Phase;
import org.peltast.distill.dmd.Learner;
import org.peltast.distill.dmd.Term;
import org.peltast.models.ModelFamilies;
import org.peltast.models.ModelFamily;
import org.w3c.dom.NodeList;

/** The house's order: imports run downwards only, and libtorch is seen by one module. */
class HouseTest {
  private static final String ROOT = "org.peltast.";
  private static final Path CLONE = Path.of("").toAbsolutePath().getParent();

  /** Each module and what it may use directly or through others; the ground floor first. */
  private static final Map<String, Set<String>> MODULES = new LinkedHashMap<>();

  static {
    MODULES.put("safetensors", Set.of());
    MODULES.put("tensor", Set.of("safetensors"));
    MODULES.put("diffusion", Set.of("safetensors", "tensor"));
    MODULES.put("models", Set.of("safetensors", "tensor", "diffusion"));
    MODULES.put("pictures", Set.of());
    MODULES.put("data", Set.of("pictures"));
    MODULES.put("runs", Set.of());
    MODULES.put("distill", Set.of("safetensors", "tensor", "diffusion", "runs"));
    MODULES.put(
        "evaluate",
        Set.of(
            "safetensors", "tensor", "diffusion", "models", "pictures", "data", "runs", "distill"));
    MODULES.put("report", above("evaluate"));
    MODULES.put("training", above("report"));
    MODULES.put("api", above("training"));
    MODULES.put("plan", above("training"));
    MODULES.put("compare", above("training"));
    MODULES.put("demo", above("compare"));
    MODULES.put("paper", above("training"));
    MODULES.put("bench", above("training"));
    MODULES.put("cli", above("demo", "paper", "plan", "bench", "api"));
  }

  /**
   * What may be used by a module that stands on the given ones: those, and all that they may use.
   */
  private static Set<String> above(String... modules) {
    Set<String> allowed = new TreeSet<>(List.of(modules));
    for (String module : modules) {
      allowed.addAll(MODULES.get(module));
    }
    return allowed;
  }

  private static JavaClasses house = new ClassFileImporter().importClasses();

  @BeforeAll
  static void read() {
    house =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.peltast");
  }

  static Set<String> modules() {
    return MODULES.keySet();
  }

  @Test
  void everyRoomIsHereAndNamed() {
    Set<String> found =
        house.stream()
            .map(c -> c.getPackageName().substring(ROOT.length()).split("\\.")[0])
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(found).isEqualTo(new TreeSet<>(MODULES.keySet()));
  }

  @ParameterizedTest
  @MethodSource("modules")
  void importsRunDownwardsOnly(String module) {
    Set<String> allowed = MODULES.get(module);
    DescribedPredicate<JavaClass> forbidden =
        DescribedPredicate.describe(
            "are in a module that " + module + " may not use",
            c ->
                c.getPackageName().startsWith(ROOT)
                    && !in(c, module)
                    && allowed.stream().noneMatch(a -> in(c, a)));
    noClasses()
        .that()
        .resideInAPackage(ROOT + module + "..")
        .should()
        .dependOnClassesThat(forbidden)
        .check(house);
  }

  /** Data and runs serve programs that have no libtorch, so not even their poms bring it along. */
  @ParameterizedTest
  @MethodSource("modules")
  void pomsDependDownwardsOnly(String module) throws Exception {
    Path pom = CLONE.resolve(module).resolve("pom.xml");
    assertThat(ours(pom, "project/dependencies/dependency/artifactId"))
        .isSubsetOf(MODULES.get(module));
  }

  /**
   * Examples stand on the façade, as an embedder does: their pom, which is all that they compile
   * against, brings neither commands nor benchmarks, and nobody stands on them.
   */
  @Test
  void examplesStandOnTheFacade() throws Exception {
    Path pom = CLONE.resolve("examples").resolve("pom.xml");
    assertThat(ours(pom, "project/dependencies/dependency/artifactId"))
        .isNotEmpty()
        .isSubsetOf(above("api"));
    assertThat(texts(pom, "project/properties/maven.deploy.skip")).containsExactly("true");
  }

  @Test
  void everyModuleOfThePomIsKnown() throws Exception {
    Set<String> known = new TreeSet<>(MODULES.keySet());
    known.addAll(Set.of("examples", "bom"));
    assertThat(new TreeSet<>(texts(CLONE.resolve("pom.xml"), "project/modules/module")))
        .isEqualTo(known);
  }

  @Test
  void theBomListsWhatIsPublished() throws Exception {
    String managed = "project/dependencyManagement/dependencies/dependency/artifactId";
    assertThat(ours(CLONE.resolve("bom").resolve("pom.xml"), managed)).isEqualTo(MODULES.keySet());
    String version = "project/version";
    assertThat(texts(CLONE.resolve("bom").resolve("pom.xml"), version))
        .isEqualTo(texts(CLONE.resolve("pom.xml"), version));
  }

  /** A method is mathematics: the executor has the clock, the trainer the files. */
  @Test
  void methodsReadNoClockNoFileAndNoNetworksClass() {
    DescribedPredicate<JavaClass> described =
        DescribedPredicate.describe(
            "belong to a method, a phase or a term",
            c ->
                List.of(Method.class, Phase.class, Term.class, Learner.class).stream()
                    .anyMatch(type -> c.isAssignableTo(type) || outermost(c).isAssignableTo(type)));
    noClasses()
        .that(described)
        .should()
        .dependOnClassesThat(
            DescribedPredicate.describe(
                "have to do with files, clocks, run folders or families of models",
                c ->
                    c.getPackageName().matches("java\\.(io|nio\\..*|time.*)")
                        || in(c, "runs")
                        || in(c, "models")))
        .orShould()
        .callMethod(System.class, "nanoTime")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .check(distilling());
  }

  private static JavaClass outermost(JavaClass c) {
    return c.getEnclosingClass().map(HouseTest::outermost).orElse(c);
  }

  /** A file of a method stays short, and stands on mathematics alone. */
  @Test
  void aMethodIsOneShortFile() throws Exception {
    for (String method : List.of("dmd/DecoupledDmd", "dmd/Dmd2", "consistency/Lcm")) {
      Path file =
          CLONE.resolve("distill/src/main/java/org/peltast/distill").resolve(method + ".java");
      List<String> lines = Files.readAllLines(file);
      assertThat(lines.size()).as(method).isLessThanOrEqualTo(250);
      assertThat(lines.stream().filter(l -> l.startsWith("import org.peltast.")))
          .as(method)
          .allMatch(l -> l.matches("import org\\.peltast\\.(diffusion|tensor|distill)\\..*"));
    }
  }

  private static JavaClasses distilling() {
    return new ClassFileImporter()
        .withImportOption(new ImportOption.DoNotIncludeTests())
        .importPackages("org.peltast.distill");
  }

  @Test
  void onlyTheCommandReadsCommandLines() {
    noClasses()
        .that(DescribedPredicate.not(resideInAPackage("org.peltast.cli..")))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("picocli..", "ch.qos..")
        .check(house);
  }

  @Test
  void onlyProgressOnATerminalDrawsBars() {
    noClasses()
        .that()
        .haveNameNotMatching("org\\.peltast\\.runs\\.TerminalProgress.*")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("me.tongfei..")
        .check(house);
  }

  @Test
  void onlyTensorSeesLibtorch() {
    noClasses()
        .that(DescribedPredicate.not(resideInAPackage("org.peltast.tensor..")))
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.bytedeco..")
        .check(house);
  }

  @Test
  void libtorchIsNotInTensorsPublicSurface() {
    classes()
        .that()
        .resideInAPackage("org.peltast.tensor..")
        .and()
        .arePublic()
        .should(HAVE_NO_PUBLIC_LIBTORCH)
        .check(house);
  }

  /** Networks are made of tensors, kernels and processes serve them; tensors know none of these. */
  @Test
  void tensorsStandOnNoOtherPackageOfTheirModule() {
    noClasses()
        .that()
        .resideInAPackage("org.peltast.tensor")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "org.peltast.tensor.nn..",
            "org.peltast.tensor.kernels..",
            "org.peltast.tensor.parallel..")
        .check(house);
  }

  /** What the packages of a module share, and nothing checks, is nobody else's. */
  @Test
  void internalsStayInTheirModule() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.peltast.tensor..")
        .should()
        .dependOnClassesThat(
            DescribedPredicate.describe(
                "are tensor's internals",
                c -> outermost(c).getFullName().equals("org.peltast.tensor.Internals")))
        .check(house);
  }

  /**
   * Whoever draws, trains or measures knows model families by their plug, and no network; but the
   * one benchmark of single blocks.
   */
  @Test
  void noNetworkIsNamedOutsideItsFamily() {
    for (ModelFamily family : ModelFamilies.all()) {
      String own = family.getClass().getPackageName() + "..";
      noClasses()
          .that()
          .resideOutsideOfPackage(own)
          .and()
          .doNotHaveFullyQualifiedName("org.peltast.bench.FullWidthBlock")
          .should()
          .dependOnClassesThat()
          .resideInAPackage(own)
          .check(house);
    }
  }

  /**
   * Looking a native name up while another thread opens a library may block both for ever, so one
   * class does it, once, and JavaCPP's setters that do it at each call are nobody's.
   */
  @Test
  void nativeNamesAreLookedUpOnce() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("org.peltast.tensor.Blas")
        .should()
        .callMethodWhere(CALLS_A_LOOK_UP)
        .check(house);
    noClasses().should().callMethodWhere(CALLS_A_LOOK_UP_EACH_TIME).check(house);
    noClasses().should().callMethod(System.class, "load", String.class).check(house);
    noClasses().should().callMethod(System.class, "loadLibrary", String.class).check(house);
  }

  private static final DescribedPredicate<JavaMethodCall> CALLS_A_LOOK_UP =
      DescribedPredicate.describe(
          "look a native name up",
          call ->
              call.getTargetOwner().getName().equals("org.bytedeco.javacpp.Loader")
                  && call.getName().equals("addressof"));

  private static final DescribedPredicate<JavaMethodCall> CALLS_A_LOOK_UP_EACH_TIME =
      DescribedPredicate.describe(
          "look a native name up at each call",
          call -> call.getName().matches("blas_[sg]et_num_threads"));

  /** A module has one exception for its user's mistakes, which all its packages may throw. */
  @Test
  void packagesHaveNoCycles() {
    slices()
        .matching("org.peltast.(**)")
        .should()
        .beFreeOfCycles()
        .ignoreDependency(DescribedPredicate.alwaysTrue(), assignableTo(RuntimeException.class))
        .check(house);
  }

  /** But for a program of its own, which the benchmark beside a busy neighbour starts. */
  @Test
  void nothingPrintsButTheCommand() {
    noClasses()
        .that(DescribedPredicate.not(resideInAPackage("org.peltast.cli..")))
        .and()
        .doNotHaveFullyQualifiedName("org.peltast.bench.Busy")
        .and()
        .doNotHaveFullyQualifiedName("org.peltast.bench.LoadBenchmark") // a program of its own
        .should()
        .accessField(System.class, "out")
        .orShould()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(Throwable.class, "printStackTrace")
        .check(house);
  }

  /**
   * The wall clock may jump, so nothing is decided by it: those who may read it write down a date.
   */
  @Test
  void theWallClockDatesAndDecidesNothing() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("org.peltast.runs.Provenance")
        .and()
        .doNotHaveFullyQualifiedName("org.peltast.runs.RunFolder")
        .and()
        .doNotHaveFullyQualifiedName("org.peltast.runs.TensorBoardWriter")
        .and()
        .doNotHaveFullyQualifiedName("org.peltast.cli.BenchPageCommand")
        .should()
        .callMethodWhere(READS_THE_WALL_CLOCK)
        .orShould()
        .callConstructor(java.util.Date.class)
        .check(house);
  }

  private static final DescribedPredicate<JavaMethodCall> READS_THE_WALL_CLOCK =
      DescribedPredicate.describe(
          "the wall clock is asked",
          call -> {
            JavaClass owner = call.getTargetOwner();
            String name = call.getTarget().getName();
            return name.equals("currentTimeMillis")
                || (owner.getPackageName().equals("java.time")
                    && (name.equals("now") || name.startsWith("system")));
          });

  /** The modules among the artefacts that {@code path} leads to. */
  private static Set<String> ours(Path pom, String path) throws Exception {
    return texts(pom, path).stream()
        .filter(artefact -> artefact.startsWith("peltast-"))
        .map(artefact -> artefact.substring("peltast-".length()))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static List<String> texts(Path pom, String path) throws Exception {
    NodeList nodes =
        (NodeList)
            XPathFactory.newInstance()
                .newXPath()
                .evaluate(
                    "/" + path,
                    DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(pom.toFile()),
                    XPathConstants.NODESET);
    return IntStream.range(0, nodes.getLength())
        .mapToObj(i -> nodes.item(i).getTextContent())
        .toList();
  }

  private static boolean in(JavaClass c, String module) {
    return c.getPackageName().equals(ROOT + module)
        || c.getPackageName().startsWith(ROOT + module + ".");
  }

  private static final ArchCondition<JavaClass> HAVE_NO_PUBLIC_LIBTORCH =
      new ArchCondition<>("show no libtorch type in a public method or constructor") {
        @Override
        public void check(JavaClass type, ConditionEvents events) {
          type.getCodeUnits().stream()
              .filter(
                  unit ->
                      unit.getModifiers()
                          .contains(com.tngtech.archunit.core.domain.JavaModifier.PUBLIC))
              .filter(
                  unit ->
                      unit.getRawReturnType().getPackageName().startsWith("org.bytedeco")
                          || unit.getRawParameterTypes().stream()
                              .anyMatch(p -> p.getPackageName().startsWith("org.bytedeco")))
              .forEach(unit -> events.add(SimpleConditionEvent.violated(unit, unit.getFullName())));
        }
      };
}
