package org.peltast.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MalformedTest {
  private static final String GOOD = "{'x':{'dtype':'U8','shape':[2,3],'data_offsets':[0,6]}}";

  @TempDir Path folder;

  static Stream<Arguments> headers() {
    String y = ",'y':{'dtype':'U8','shape':[2],'data_offsets':";
    return Stream.of(
        bad("", null, "does not begin with '{'"),
        bad("   ", null, "does not begin with '{'"),
        bad("\ufeff" + GOOD, null, "does not begin with '{'"),
        bad("[" + GOOD + "]", null, "does not begin with '{'"),
        bad(GOOD + "\f", null, "does not end with '}' and spaces"),
        bad(GOOD + "\0\0", null, "does not end with '}' and spaces"),
        bad(GOOD.substring(0, GOOD.length() - 1) + " ", null, "not valid JSON"),
        bad(GOOD + "{}", null, "goes on after its closing brace"),
        bad(GOOD + "}", null, "not valid JSON"),
        bad("{x:1}", null, "not valid JSON"),
        bad("{'x':{'dtype':'U8',}}", "x", "not valid JSON"),
        bad("{'x' /* c */:{}}", null, "not valid JSON"),
        bad("{'x\n':{}}", null, "not valid JSON"),
        bad(GOOD.replace("}}", "}," + GOOD.substring(1)), "x", "declares it twice"),
        bad("{'x':7}", "x", "not an object"),
        bad("{'x':null}", "x", "not an object"),
        bad("{'x':[]}", "x", "not an object"),
        bad("{'x':{}}", "x", "has no dtype"),
        bad(GOOD.replace("'dtype':'U8',", ""), "x", "has no dtype"),
        bad(GOOD.replace("'shape':[2,3],", ""), "x", "has no shape"),
        bad(GOOD.replace(",'data_offsets':[0,6]", ""), "x", "has no data_offsets"),
        bad(GOOD.replace("'dtype'", "'dtype':'U8','dtype'"), "x", "dtype stands twice"),
        bad(GOOD.replace("'shape'", "'shape':[6],'shape'"), "x", "shape stands twice"),
        bad(GOOD.replace("'data_", "'data_offsets':[0,6],'data_"), "x", "stands twice"),
        bad(GOOD.replace("'dtype'", "'strides':[3,1],'dtype'"), "x", "unknown field \"strides\""),
        bad(GOOD.replace("U8", "U9"), "x", "dtype \"U9\" is unknown"),
        bad(GOOD.replace("U8", "u8"), "x", "dtype \"u8\" is unknown"),
        bad(GOOD.replace("'U8'", "8"), "x", "dtype is not a string"),
        bad(GOOD.replace("'U8'", "null"), "x", "dtype is not a string"),
        bad(GOOD.replace("[2,3]", "6"), "x", "shape is not an array"),
        bad(GOOD.replace("[2,3]", "['2',3]"), "x", "not a whole number"),
        bad(GOOD.replace("[2,3]", "[2.0,3]"), "x", "not a whole number"),
        bad(GOOD.replace("[2,3]", "[[2,3]]"), "x", "not a whole number"),
        bad(GOOD.replace("[2,3]", "[-2,-3]"), "x", "negative number -2"),
        bad(GOOD.replace("[2,3]", "[-0,3]"), "x", "negative number -0"),
        bad(GOOD.replace("[2,3]", "[06]"), "x", "not valid JSON"),
        bad(GOOD.replace("[2,3]", "[NaN]"), "x", "not valid JSON"),
        bad(GOOD.replace("[2,3]", "[9223372036854775808]"), "x", "beyond 63 bits"),
        bad(GOOD.replace("[2,3]", "[1" + "0".repeat(900) + "]"), "x", "beyond 63 bits"),
        bad(GOOD.replace("[2,3]", "[4294967296,4294967296]"), "x", "overflows 63 bits"),
        bad(GOOD.replace("[2,3]", "[9223372036854775807,2,3]"), "x", "overflows 63 bits"),
        bad(GOOD.replace("[2,3]", "[4611686018427387904]"), "x", "overflows 63 bits"),
        bad(GOOD.replace("[2,3]", "[2,4]"), "x", "takes 8 bytes, but its data_offsets"),
        bad(GOOD.replace("[2,3]", "[]"), "x", "takes 1 bytes, but its data_offsets"),
        bad(GOOD.replace("U8", "F32"), "x", "F32 of shape [2, 3] takes 24 bytes"),
        bad(GOOD.replace("U8", "F4").replace("[2,3]", "[11]"), "x", "whole byte"),
        bad(GOOD.replace("[0,6]", "[6,0]"), "x", "run backwards"),
        bad(GOOD.replace("[0,6]", "[-1,5]"), "x", "negative number -1"),
        bad(GOOD.replace("[0,6]", "[0]"), "x", "not two numbers"),
        bad(GOOD.replace("[0,6]", "[0,6,6]"), "x", "not two numbers"),
        bad(GOOD.replace("[0,6]", "[0,6e0]"), "x", "not a whole number"),
        bad(GOOD.replace("[0,6]", "{'0':6}"), "x", "not an array"),
        bad(GOOD.replace("[0,6]", "[1,7]"), "x", "end beyond the 6 bytes"),
        bad(
            GOOD.replace("[2,3]", "[9223372036854775800]")
                .replace("U8", "F4")
                .replace("[0,6]", "[0,9223372036854775807]"),
            "x",
            "overflows 63 bits"),
        bad(GOOD.replace("[2,3]", "[5]").replace("[0,6]", "[1,6]"), "x", "gap after byte 0"),
        bad(GOOD.replace("[2,3]", "[5]").replace("[0,6]", "[0,5]"), null, "cover only 5"),
        bad("{}", null, "cover only 0"),
        bad(GOOD.replace("}}", "}" + y + "[4,6]}}"), "y", "overlap those of tensor \"x\""),
        bad(GOOD.replace("}}", "}" + y + "[0,2]}}"), "x", "overlap those of tensor \"y\""),
        bad(GOOD.replace("}}", "}" + y + "[6,8]}}"), "y", "end beyond"),
        bad(
            GOOD.replace("[2,3]", "[3]")
                .replace("[0,6]", "[0,3]")
                .replace("}}", "}" + y + "[4,6]}}"),
            "y",
            "gap after byte 3"),
        bad(GOOD.replace("'x'", "'\\ud800'"), null, "surrogate"),
        bad(GOOD.replace("{'x'", "{'__metadata__':7,'x'"), null, "not an object of strings"),
        bad(GOOD.replace("{'x'", "{'__metadata__':null,'x'"), null, "not an object of strings"),
        bad(GOOD.replace("{'x'", "{'__metadata__':{'a':1},'x'"), null, "\"a\" is not a string"),
        bad(GOOD.replace("{'x'", "{'__metadata__':{'a':null},'x'"), null, "is not a string"),
        bad(GOOD.replace("{'x'", "{'__metadata__':{'a':{}},'x'"), null, "is not a string"),
        bad(GOOD.replace("{'x'", "{'__metadata__':{'a':'','a':''},'x'"), null, "\"a\" twice"),
        bad(GOOD.replace("{'x'", "{'__metadata__':{'a':'\\udc00'},'x'"), null, "surrogate"),
        bad(
            GOOD.replace("{'x'", "{'__metadata__':{},'__metadata__':{},'x'"),
            null,
            "__metadata__ twice"));
  }

  private static Arguments bad(String header, @Nullable String tensor, String reason) {
    return Arguments.of(header.replace('\'', '"'), tensor, reason.replace("'U8'", "\"U8\""));
  }

  @ParameterizedTest
  @MethodSource("headers")
  void aWrongHeaderIsRefused(String header, @Nullable String tensor, String reason) {
    refused(Raw.file(header, 6), tensor, reason);
  }

  @Test
  void theHeaderThatTheOthersSpoilIsAccepted() {
    Path file = Raw.write(folder.resolve("good.safetensors"), Raw.file(GOOD.replace('\'', '"'), 6));
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(Raw.bytes(checkpoint.data("x"))).containsExactly(0, 1, 2, 3, 4, 5);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ff", // never in UTF-8
        "c0af", // '/' in two bytes
        "eda080", // half of a surrogate pair
        "f4908080", // beyond U+10FFFF
        "e282", // a character cut short
      })
  void aHeaderThatIsNotUtf8IsRefused(String hex) {
    byte[] bad = java.util.HexFormat.of().parseHex(hex);
    byte[] good = GOOD.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    byte[] header = Arrays.copyOf(good, good.length + bad.length);
    System.arraycopy(good, 2, header, 2 + bad.length, good.length - 2);
    System.arraycopy(bad, 0, header, 2, bad.length);
    refused(Raw.file(header, 6), null, "not UTF-8");
  }

  @ParameterizedTest
  @ValueSource(longs = {100_000_001, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE, -1})
  void aHeaderLongerThanTheLimitIsRefusedUnread(long length) {
    refused(
        withLength(length),
        null,
        Long.toUnsignedString(length) + " bytes, more than the 100000000");
  }

  @ParameterizedTest
  @ValueSource(longs = {100, 10_000, 100_000_000})
  void aHeaderLongerThanTheFileIsRefused(long length) {
    refused(withLength(length), null, "claims " + length + " bytes, but only 61 follow");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 10, 54, 56, 61})
  void aHeaderLengthThatMissesTheBraceIsRefused(long length) {
    refused(withLength(length), null, "its header");
  }

  private static byte[] withLength(long length) {
    byte[] file = Raw.file(GOOD.replace('\'', '"'), 6);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
    return file;
  }

  @ParameterizedTest
  @ValueSource(strings = {"types", "empty", "shapes", "names"})
  void aFileCutAnywhereOrWithMoreAtItsEndIsRefused(String name) {
    byte[] whole = Raw.read(Raw.golden(name + ".safetensors"));
    for (int length = 0; length < whole.length; length++) {
      refused(Arrays.copyOf(whole, length), null, "");
    }
    refused(Arrays.copyOf(whole, whole.length + 1), null, "cover only");
  }

  @Test
  void filesOfOtherKindsAreNamedForWhatTheyAre() {
    refused("version https://git-lfs.github.com/spec/v1\noid".getBytes(), null, "Git LFS pointer");
    refused("PK\3\4 and so on and on".getBytes(), null, "zip archive");
    refused("<!DOCTYPE html><html>".getBytes(), null, "web page");
  }

  @Test
  void aMissingFileAndAFolderAreNamed() {
    Path none = folder.resolve("none.safetensors");
    assertThatThrownBy(() -> Checkpoint.open(none))
        .isInstanceOf(SafetensorsException.class)
        .hasMessage(none + ": there is no such file; check the path");
    assertThatThrownBy(() -> SafetensorsFile.open(folder))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining("it is a folder");
  }

  @Test
  void aHostileNameCannotBreakTheSentence() {
    String name = "a\\n\\u001b[31m" + "b".repeat(100_000);
    SafetensorsException e = refused(Raw.file("{\"" + name + "\":{}}", 0), null, "has no dtype");
    assertThat(e.getMessage()).hasSizeLessThan(600).contains("\\u000a\\u001b[31mbbb");
  }

  @Test
  void deepNestingIsRefusedNotFollowed() {
    refused(Raw.file("{\"x\":" + "[".repeat(1_000_000) + "}", 0), null, "not an object");
    refused(Raw.file("{\"__metadata__\":{\"a\":" + "[".repeat(1_000_000) + "}", 0), null, "not a");
  }

  private SafetensorsException refused(byte[] bytes, @Nullable String tensor, String reason) {
    Path file = Raw.write(folder.resolve("bad.safetensors"), bytes);
    SafetensorsException e =
        catchThrowableOfType(SafetensorsException.class, () -> Checkpoint.open(file));
    assertThat(e).as("refused for: " + reason).isNotNull();
    assertThat(e.getMessage()).startsWith(file + ": ").contains(reason).contains("; ");
    assertThat(e.getMessage().lines()).hasSize(1);
    assertThat(e.file()).isEqualTo(file);
    if (tensor != null) {
      assertThat(e.tensor()).contains(tensor);
    }
    return e;
  }
}
