internal import CAsyncMitogen
internal import Glibc

/// From a connection to a context of the tree.
extension UnixListener {
  /// Somebody who has connected and has not joined yet.
  struct Arrival: Sendable {
    let descriptor: FileDescriptor
    let credentials: UnixCredentials
    let authority: UnixPeerAuthority
    let deadline: TimerIdentifier
    var handshake = UnixListenerHandshake()
  }

  /// Somebody has connected.
  func receive(_ descriptor: FileDescriptor) {
    let number = arrivals.nextNumber
    do {
      let credentials = try UnixCredentials(of: descriptor)
      guard let authority = settings.policy.authority(of: credentials) else {
        return UnixListener.log.warning(
          "\(path): process \(credentials.processID) of user \(credentials.userID) is not let in")
      }
      guard joined.count + joiningCount < settings.peerLimit else {
        return UnixListener.log.warning("\(path): \(settings.peerLimit) have joined, and no more are let in")
      }
      try watch(descriptor, number)
      let deadline = schedule { $0.giveUp(number, "it did not say who it is within \($0.settings.handshakeTimeout)") }
      let arrival = Arrival(
        descriptor: descriptor, credentials: credentials, authority: authority, deadline: deadline)
      for arrival in arrivals.add(arrival).left {
        UnixListener.log.debug("\(path): process \(arrival.credentials.processID) is silent, and makes room")
        end(arrival)
      }
    } catch {
      UnixListener.log.error("\(path): a connection is closed: \(error)")
    }
  }

  /// Somebody says who it is, or leaves.
  func read(_ number: UInt64) {
    guard var arrival = arrivals[number], arrival.handshake.missing > 0 else { return }
    let missing = arrival.handshake.missing
    var result = 0
    // No more than that: what follows are frames.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: missing) { buffer, count in
      result = unsafe amt_read(arrival.descriptor.number, buffer.baseAddress, missing, nil, 0)
      count = max(0, result)
    }
    if result == -Int(EAGAIN) || result == -Int(EINTR) { return }
    // Whoever looks whether somebody listens leaves so.
    guard result > 0 else { return giveUp(number, "it left before it said who it is") }
    let process = arrival.handshake.receive(bytes)
    arrivals.update(number, arrival)
    guard let process else { return }
    arrivals.hasGreeted(number)
    // Not watched until it is a stream: it has to wait for its number anyway.
    ignore(arrival)
    joiningCount += 1
    let router = router
    Task(executorPreference: router.loop.tasks) { [weak self] in
      let id = try? await router.allocateID()
      await self?.join(number, id, process)
    }
  }

  private func giveUp(_ number: UInt64, _ reason: String) {
    guard let arrival = arrivals.remove(number) else { return }
    UnixListener.log.debug("\(path): process \(arrival.credentials.processID): \(reason)")
    end(arrival)
  }

  /// Its number has come.
  private func join(_ number: UInt64, _ id: ContextID?, _ process: UInt32) {
    joiningCount -= 1
    guard let arrival = arrivals[number] else { return }
    guard let id else { return giveUp(number, "there is no number for its context") }
    arrivals.remove(number)
    unwatch(arrival)
    let answer = UnixListenerHandshake.answer(
      client: id, listener: router.contextID, process: UInt32(bitPattern: getpid()))
    // The system knows better than the process what its number is here, unless it is of another namespace.
    let processID = arrival.credentials.processID > 0 ? UInt32(arrival.credentials.processID) : process
    let name = "unix_client.\(processID)"
    do {
      let transport = transport(arrival.descriptor)
      try router.enter { router in
        try router.attachPeer(
          transport, id: id, name: name, answer: answer, actsForListener: arrival.authority == .listener
        ) { [weak self] in self?.enter { _ = $0.joined.remove(id) } }
      }
    } catch {
      return UnixListener.log.error("\(path): \(name) cannot join: \(error)")
    }
    joined.insert(id)
    tell(UnixPeer(context: router.context(id), credentials: arrival.credentials, authority: arrival.authority))
  }
}
