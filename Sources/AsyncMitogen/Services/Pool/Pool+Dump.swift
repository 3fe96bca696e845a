// What a pool is doing, for people.
extension Pool {
  /// The methods that run or wait, in the order in which they came.
  func dump(into dump: inout DumpText) {
    dump.section(
      "service methods (\(slots.runningCount) of \(size) run, \(waitingCount) wait)",
      requests.values.sorted { $0.work.id < $1.work.id }.filter { $0.stage != .ended }.map { request in
        let work = request.work
        let reply = work.message.replyTo == .none ? "nobody waits for it" : "answer to handle \(work.message.replyTo)"
        let stage = request.stage == .running ? "runs" : "waits"
        return "\(work.service).\(work.method.name) \(stage), for context \(work.message.source), \(reply)"
      })
  }
}
