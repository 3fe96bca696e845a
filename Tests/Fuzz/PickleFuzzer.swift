/// Reads whatever the fuzzer makes up as a pickle, and writes again what could be read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPickle(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  if let streams = try? Unpickled.streams(bytes) {
    for stream in streams {
      let value = stream.value
      guard let written = try? PickleEncoder().encode(value) else { continue }
      // What was read once can be read again, and is the same.
      guard let again = try? Unpickled(written).root.value else { fatalError("\(value) cannot be read again") }
      if again != value && again.description != value.description { fatalError("\(value) has become \(again)") }
    }
  }
  _ = try? PickleDecoder().decode([String: [Int]].self, from: bytes)
  return 0
}
