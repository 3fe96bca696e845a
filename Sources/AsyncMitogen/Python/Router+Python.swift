extension Router {
  /// Sends Python modules to a Python context before it asks for them, and to all contexts on the way, with what they
  /// import. Mitogen's `forward_modules`.
  ///
  /// Modules that are not there, and contexts that are not below this one, are logged and left out.
  ///
  /// - Parameter names: Full names, such as `package.module`; the packages that they are in are sent first.
  public func forwardPythonModules(_ names: [String], to context: Context) {
    var done: Set<String> = []
    for name in names where PythonModuleName.read(name.utf8) != nil {
      for module in PythonModuleName.lineage(of: name) where done.insert(module).inserted {
        python.forward(module, to: context.id, self)
      }
    }
  }

  /// Works out how to start a Python interpreter that becomes a context.
  ///
  /// - Throws: ``ConnectionError`` if it cannot be, or there is no Mitogen to do it with.
  nonisolated func preparePython(
    _ program: PythonProgram, _ method: any ConnectionMethod, _ id: ContextID, _ authenticate: Authenticator?
  ) async throws -> Launch {
    let name = method.contextName(processID: 0)
    let remoteName = try method.options.checkedRemoteName ?? LocalConnection.defaultName
    guard let first = program.words.first, !first.isEmpty else {
      throw ConnectionError.failed(name, "there is no Python to start")
    }
    let preamble: [UInt8]
    do {
      preamble = try await python.preamble(
        for: childConfiguration(method.options, id, keepAlive: nil), router: self,
        timeout: method.options.connectTimeout)
    } catch let error as PythonUnavailableError {
      throw ConnectionError.failed(name, error.description)
    }
    let boot = PythonFirstStage(program: program, name: remoteName, length: preamble.count).words
    var launch: Launch
    switch method {
    case let command as any CommandConnection:
      launch = Launch(plan: try command.launchPlan(boot: (command.isReadByShell ? ["exec"] : []) + boot))
    case let setns as SetnsConnection:
      launch = Launch(plan: setns.launchPlan(boot: boot, leader: try await leader(of: setns)))
    case is LocalConnection: launch = Launch(plan: LaunchPlan(path: first, arguments: boot))
    default: throw ConnectionError.failed(name, "\(type(of: method).methodName) starts no Python")
    }
    launch.preamble = preamble
    launch.authenticate = authenticate
    launch.plan.endHint = launch.plan.endHint ?? "is there a Python that \(first) starts?"
    return launch
  }
}
