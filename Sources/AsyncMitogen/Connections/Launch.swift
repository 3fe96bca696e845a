internal import Glibc

/// All that is known before a process is started that is to become a child.
struct Launch: Sendable {
  var plan: LaunchPlan
  /// The shell that runs first, and what it becomes; nil if the program is started at once.
  var firstStage: (stage: FirstStage, image: ProgramImage)?
  /// What a Python interpreter is sent to become a context; nil if none is started.
  var preamble: [UInt8]?
  var authenticate: Authenticator?

  /// The command line as an error shows it, without the text of the first stage.
  var commandForPeople: [String] {
    ([plan.path] + plan.arguments.dropFirst()).map {
      [PythonFirstStage.encoded, FirstStage.ownFileText + FirstStage.text, FirstStage.text].reduce($0) { line, text in
        line.replacing(bytes: text, with: "(first stage)")
          .replacing(bytes: LoginShellWords.encoded(text), with: "(first stage)")
      }
    }
  }
}

extension LaunchPlan {
  /// This process's environment with the plan's additions, as `NAME=value`.
  var wholeEnvironment: [String] {
    let added = environment.map { "\($0.key)=\($0.value)" }
    return HostFacts.environment.filter { variable in
      !environment.keys.contains { variable.hasPrefix($0 + "=") }
    } + added
  }
}

extension Router {
  /// Works out what to start.
  ///
  /// - Throws: ``StreamError`` if the options contradict each other, ``ConnectionError`` if the program cannot be read.
  nonisolated func prepareLaunch(
    of method: any ConnectionMethod, _ id: ContextID, _ authenticate: Authenticator?
  ) async throws -> Launch {
    if let python = method.options.python { return try await preparePython(python, method, id, authenticate) }
    if let command = method as? any CommandConnection {
      let (stage, image) = try await firstStage(command.options, name: command.defaultName, reach: command.reach)
      let boot = (command.isReadByShell ? ["exec"] : []) + stage.arguments
      return Launch(plan: try command.launchPlan(boot: boot), firstStage: (stage, image), authenticate: authenticate)
    }
    if let setns = method as? SetnsConnection, setns.options.image ?? .own == .own {
      let name = try setns.options.checkedRemoteName ?? LocalConnection.defaultName
      let entry = NamespaceEntry(leader: try await leader(of: setns), username: setns.username)
      return Launch(plan: entry.launchPlan(child: name), authenticate: nil)
    }
    if let setns = method as? SetnsConnection {
      let (stage, image) = try await firstStage(
        setns.options, name: setns.contextName(processID: 0), reach: .machine)
      let leader = try await leader(of: setns)
      let plan = setns.launchPlan(boot: stage.arguments, leader: leader)
      return Launch(plan: plan, firstStage: (stage, image), authenticate: nil)
    }
    return Launch(plan: try method.launchPlan(), authenticate: authenticate)
  }

  private nonisolated func firstStage(
    _ options: ConnectionOptions, name: String, reach: ConnectionReach
  ) async throws -> (FirstStage, ProgramImage) {
    let image = options.image ?? .own
    let cache = options.cache ?? configuration.cache
    let remoteName = try options.checkedRemoteName ?? LocalConnection.defaultName
    do throws(ProgramImageError) {
      let digests = cache == .none ? [:] : try await image.digests()
      let stage = FirstStage(
        name: remoteName, cache: cache, digests: digests, requiredFiles: try await image.requiredFiles(),
        ownFile: reach == .account && image == .own ? OwnFile.current() : nil, isNear: reach != .network)
      return (stage, image)
    } catch {
      throw ConnectionError.failed(name, "\(error)")
    }
  }

  /// Asks a container's manager for the container's first process.
  nonisolated func leader(of method: SetnsConnection) async throws -> Int32 {
    let name = method.contextName(processID: 0)
    guard let lookup = method.leaderLookup else { return try method.leaderNumber }
    guard let broker else { throw ConnectionError.failed(name, "a simulated router starts no processes") }
    let (output, status): (String, ExitStatus)
    do {
      (output, status) = try await ProgramOutput.run(
        lookup.words, timeout: method.options.connectTimeout, broker: broker)
    } catch let error as SystemError {
      let text = unsafe String(cString: strerror(error.code))
      throw ConnectionError.failed(name, "\(lookup.words[0]): [Errno \(error.code)] \(text)")
    }
    return try lookup.leader(in: output, status: status)
  }
}

extension ConnectionOptions {
  /// The name for process listings.
  ///
  /// - Throws: ``ConnectionError`` if it could be mistaken for a path.
  var checkedRemoteName: String? {
    get throws {
      guard let remoteName else { return nil }
      guard !remoteName.utf8.contains(UInt8(ascii: "/")), !remoteName.utf8.contains(UInt8(ascii: "\\")) else {
        throw ConnectionError.failed(remoteName, "remoteName cannot contain slashes")
      }
      return remoteName
    }
  }
}

extension String {
  /// Puts something else in the place of each occurrence of a text.
  ///
  /// The standard library's own would link the whole machinery of regular expressions.
  func replacing(bytes wanted: String, with other: String) -> String {
    let (bytes, pattern) = (Array(utf8), Array(wanted.utf8))
    guard !pattern.isEmpty, bytes.count >= pattern.count else { return self }
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == pattern[0], bytes[index...].starts(with: pattern) {
        result += other.utf8
        index += pattern.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
