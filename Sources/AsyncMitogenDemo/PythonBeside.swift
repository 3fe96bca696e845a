internal import AsyncMitogen
internal import Glibc

/// The Python beside this program, in which Mitogen is looked for.
enum PythonBeside {
  /// The environment variable that names another one than `python3`.
  static let variable = "ASYNC_MITOGEN_PYTHON"

  static var installation: PythonInstallation {
    let name = unsafe getenv(variable).map { unsafe String(cString: $0) }
    return PythonInstallation(interpreter: PythonProgram(name ?? "python3"))
  }
}
