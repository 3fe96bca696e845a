/// Brings to a service what comes to the receivers in its Select.
struct ServiceWatch: Sendable {
  /// Brings one event after the other, until stopped.
  let run: @Sendable @concurrent () async -> Void
  /// Ends it after the event that is being dealt with.
  let stop: @Sendable () -> Void

  /// Nil if the service's Select belongs to somebody else.
  init?<Host: Service>(_ service: Host) {
    // Of its own: the service's may be empty now and then, which would end a loop over it.
    let watched = Select<Host.Incoming>(oneshot: false)
    do { try watched.add(service.select) } catch {
      Pool.log.error("\(Host.name): the select of the service cannot be watched: \(error)")
      return nil
    }
    stop = { watched.close() }
    run = {
      do { for try await event in watched { await service.onMessage(event) } } catch {}
    }
  }
}
