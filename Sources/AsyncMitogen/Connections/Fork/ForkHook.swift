internal import CAsyncMitogen

/// A function that a fork server, or a new fork of it, runs before anything else does there: one that does not wait, for
/// there is nothing yet that could go on meanwhile.
///
/// It captures nothing, so its place in the image, its type and its argument say all of it.
struct ForkHook: Codable, Sendable, Hashable {
  /// The build that the place is in.
  let build: String
  /// The mangled name of the type that runs it.
  let type: String
  /// The code's distance from the start of the image.
  let offset: UInt
  /// What it is given, pickled.
  let argument: [UInt8]

  /// - Throws: ``UnsupportedFunctionError`` if the function captures something.
  init(_ function: @escaping @Sendable () throws -> Void) throws {
    try self.init(PlainForkFunction(function: function), argument: [])
  }

  /// - Throws: ``UnsupportedFunctionError`` if the function captures something; an encoding error.
  init<Argument: Transferable>(_ argument: Argument, _ function: @escaping @Sendable (Argument) throws -> Void) throws {
    try self.init(ForkFunction(function: function), argument: try PickleEncoder().encode(argument))
  }

  private init<Function: AnyForkFunction>(_ function: Function, argument: [UInt8]) throws {
    build = ImageIdentity.own.digest
    type = try InvocationCache.shared.name(of: Function.self)
    offset = try FunctionValue.offset(of: function)
    self.argument = argument
  }

  /// Runs the function.
  ///
  /// - Throws: What it throws; a ``CallTargetError`` if this is another program.
  func run() throws {
    guard build == ImageIdentity.own.digest, let type = _typeByName(type) as? any AnyForkFunction.Type,
      let address = FunctionValue.codeAddress(offset: offset), let function = type.make(code: address)
    else {
      throw CallTargetError(target: "a closure", reason: "this program has none of that type or at that place")
    }
    try function.run(argument)
  }
}

/// A function of a ``ForkHook``, with the type of its argument.
protocol AnyForkFunction: Sendable {
  /// The value whose function has its code at `address` and captures nothing.
  static func make(code address: UInt) -> (any AnyForkFunction)?
  /// Calls the function with its pickled argument.
  func run(_ argument: [UInt8]) throws
}

struct PlainForkFunction: AnyForkFunction {
  let function: @Sendable () throws -> Void

  static func make(code address: UInt) -> (any AnyForkFunction)? { FunctionValue.make(Self.self, code: address) }

  func run(_ argument: [UInt8]) throws { try function() }
}

struct ForkFunction<Argument: Transferable>: AnyForkFunction {
  let function: @Sendable (Argument) throws -> Void

  static func make(code address: UInt) -> (any AnyForkFunction)? { FunctionValue.make(Self.self, code: address) }

  func run(_ argument: [UInt8]) throws { try function(try PickleDecoder().decode(Argument.self, from: argument)) }
}

/// What is called in a new context once it is up.
struct StartInvocation: AnyInvocation {
  let function: @Sendable @concurrent () async throws -> Void

  static func make(code address: UInt) -> (any AnyInvocation)? { FunctionValue.make(Self.self, code: address) }

  func invoke(_ arguments: CallArguments) async throws -> [UInt8] {
    try await function()
    return Pickle.none
  }
}

/// What the fork server calls to run a hook; 0, or the text of the error.
@c(amt_run_hook)
func runHook(
  _ hook: UnsafeRawPointer, _ size: Int, _ text: UnsafeMutableRawPointer, _ capacity: Int
) -> Int32 {
  do {
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: hook, count: size))
    try PickleDecoder().decode(ForkHook.self, from: bytes).run()
    return 0
  } catch {
    let room = unsafe UnsafeMutableRawBufferPointer(start: text, count: capacity)
    unsafe room.copyBytes(from: "\(error)".utf8.prefix(capacity - 1) + [0])
    return 1
  }
}

/// Does in the fork server, once, what every context does when it begins, as far as that leaves no thread behind: its
/// forks find it done.
@c(amt_warm_up)
func warmUpForks() { try? ForkRehearsal.play() }
