@echo off
rem Starts Peltast on Windows, as the script `peltast` does elsewhere. Builds it first if it has not been built, or if a
rem source or pom is newer than the last build.
rem
rem Environment: JAVA_HOME (JDK 17 or newer; else java on the PATH), PELTAST_JAVA_OPTS (more JVM flags, such as -Xmx8g).
setlocal EnableExtensions DisableDelayedExpansion
set "home=%~dp0"
set "home=%home:~0,-1%"
set "launch=%home%\cli\target\launch"
set "stamp=%launch%\built"

rem --- which Java ------------------------------------------------------------------------------------------------------
set "java=java"
if not defined JAVA_HOME goto :ask
set "java=%JAVA_HOME%\bin\java.exe"
if not exist "%java%" (
  echo peltast: JAVA_HOME is %JAVA_HOME%, where there is no bin\java.exe: set it to a JDK 17 or newer.>&2
  exit /b 1
)
:ask
set "version="
for /f "tokens=3" %%v in ('""%java%" -version 2>&1" ^| findstr /c:" version "') do if not defined version set "version=%%~v"
if not defined version (
  echo peltast: no Java found: install a JDK 17 or newer, or set JAVA_HOME to one.>&2
  exit /b 1
)
for /f "delims=.-+" %%m in ("%version%") do set "version=%%m"
if %version% LSS 17 (
  echo peltast: this Java is version %version%, which is too old: install a JDK 17 or newer, or set JAVA_HOME to one.>&2
  exit /b 1
)

rem --- build, if needed ------------------------------------------------------------------------------------------------
if not exist "%stamp%" goto :build
powershell -NoProfile -Command "$b=(Get-Item -LiteralPath $env:stamp).LastWriteTimeUtc; $n=Get-ChildItem -Recurse -File -Path (Join-Path $env:home 'pom.xml'),(Join-Path $env:home '*\pom.xml'),(Join-Path $env:home '*\src\main') | Where-Object { $_.LastWriteTimeUtc -gt $b } | Select-Object -First 1; if ($n) { exit 3 } else { exit 0 }"
if not errorlevel 3 goto :run
:build
where mvn >nul 2>nul
if errorlevel 1 (
  echo peltast: no Maven found: install Maven 3.8 or newer, it builds Peltast on first use.>&2
  exit /b 1
)
if not exist "%launch%" mkdir "%launch%"
echo peltast: building (the first time fetches about 450 MB of libraries and compiles; minutes) ...>&2
type nul >"%launch%\started"
pushd "%home%"
call mvn -B -q -Dmaven.test.skip=true -Dspotless.check.skip=true package >"%launch%\build.log" 2>&1
set "failed=%errorlevel%"
popd
if not "%failed%"=="0" (
  echo peltast: the build failed; all that Maven said is in %launch%\build.log.>&2
  exit /b 1
)
move /y "%launch%\started" "%stamp%" >nul

:run
set "cli="
for %%j in ("%home%\cli\target\peltast-cli-*.jar") do call :jar "%%~fj" "%%~nj"
if not defined cli (
  echo peltast: there is no cli\target\peltast-cli jar: delete %stamp% and start again.>&2
  exit /b 1
)
rem A command line on Windows holds 8,191 characters and the classpath more: it goes into a file of arguments, in which a
rem backslash escapes, so paths there have slashes.
powershell -NoProfile -Command "$l=[IO.File]::ReadAllText((Join-Path $env:home 'cli\target\libraries.txt')).Trim(); [IO.File]::WriteAllText((Join-Path $env:launch 'classpath.args'), '-cp \"' + ($env:cli + ';' + $l).Replace('\','/') + '\"')"
if errorlevel 1 (
  echo peltast: cannot write %launch%\classpath.args: Peltast builds itself inside its own folder.>&2
  exit /b 1
)

rem The same flags as in `peltast`: tensors are freed by scopes and not by the collector, and kernels use vectors.
set "flags=-Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.maxBytes=0 -Dorg.bytedeco.javacpp.noPointerGC=true"
set "flags=%flags% -Xmx1536m -XX:+UseSerialGC -Xshare:auto -Xlog:disable -Xlog:all=error:stderr -Dfile.encoding=UTF-8"
set "flags=%flags% --add-modules=jdk.incubator.vector -XX:MaxDirectMemorySize=64g -XX:CompileCommand=quiet"
set "flags=%flags% -XX:CompileCommand=dontinline,org.peltast.tensor.kernels.*::*Rows"
if %version% GEQ 22 set "flags=%flags% --enable-native-access=ALL-UNNAMED"
if %version% GEQ 24 set "flags=%flags% --sun-misc-unsafe-memory-access=allow"
"%java%" %flags% "-Dpeltast.home=%home%" %PELTAST_JAVA_OPTS% "@%launch%\classpath.args" org.peltast.cli.Launch %*
exit /b %errorlevel%

:jar
rem Not the jars of sources and Javadoc beside it.
set "name=%~2"
if "%name:~-8%"=="-sources" exit /b 0
if "%name:~-8%"=="-javadoc" exit /b 0
set "cli=%~1"
exit /b 0
