/// Feeds whatever the fuzzer makes up to the bootstrap dialogue and to the reader of log records.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDialogue(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  var dialogue = BootstrapDialogue()
  let (outcome, rest) = dialogue.receive(bytes)
  if case .more = outcome, !rest.isEmpty { fatalError("bytes are left of a dialogue that goes on") }
  if dialogue.lines.count > 100 { fatalError("too many lines are kept") }
  if let log = ForwardedLog(payload: bytes), ForwardedLog(payload: log.payload)?.level != log.level {
    fatalError("a record that changes when it is passed on")
  }
  return 0
}
