extension Router {
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
