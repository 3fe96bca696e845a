// How files go over a link.
extension PushFileService {
  /// Sends a file that is here to a context, by way of the next one.
  nonisolated func deliver(_ path: String, to target: ContextID) async throws {
    guard target != router.contextID, let (digest, content) = shelf.find(path) else { return }
    let hop = await router.neighbour(towards: target)
    guard hop != router.contextID else {
      throw ChannelError(DeadReason.noRoute(to: target, from: router.contextID), context: target)
    }
    let neighbour = router.context(hop)
    let destination = router.context(target)
    let delivery = await plan(path, digest, to: hop, isTarget: hop == target)
    do {
      switch delivery {
      case .nothing: return
      case .forward: try neighbour.callNoReply(PushFileService.forward, Target(path: path, context: destination))
      case .link, .content:
        let turnstile = await turnstile(to: hop)
        try await turnstile.enter()
        defer { turnstile.leave() }
        guard try await router.understands(hop) else {
          // Mitogen's knows only this; it is not told that it has the content already.
          let data = Blob(try content.read(at: 0, count: content.size))
          return try neighbour.callNoReply(
            PushFileService.storeAndForward, File(path: path, data: data, context: destination))
        }
        if delivery == .link {
          let known = Known(path: path, digest: digest, context: destination)
          if try await neighbour.call(PushFileService.storeKnown, known) { return }
        }
        try await send(path, digest, content, to: neighbour, for: destination)
      }
    } catch {
      await noteFailure(path, digest, to: hop)
      throw error
    }
  }

  /// Sends content in pieces, each when the one before has been taken: small messages do not wait behind all of it.
  private nonisolated func send(
    _ path: String, _ digest: Blob, _ content: PushContent, to neighbour: Context, for destination: Context
  ) async throws {
    var offset = 0
    repeat {
      let data = Blob(try content.read(at: offset, count: PushFileService.partSize))
      let part = Part(
        path: path, digest: digest, size: content.size, offset: offset, data: data, context: destination)
      try await neighbour.call(PushFileService.storePart, part)
      offset += data.bytes.count
    } while offset < content.size
  }
}
