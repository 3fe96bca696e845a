internal import AsyncMitogen

/// An option of a hop, as far as it is known without the method that it belongs to.
struct HopOption: Hashable, Sendable {
  /// The method's name for it, which is also that on the wire.
  let name: String
  var isSecret = false
  /// Whether slashes in its values are more likely parts of paths than the ends of hops.
  var holdsPaths = false
  /// Whether it may be given more than once, for a list.
  var repeats = false
}

/// Where the values of an option go in a connection method.
struct OptionField<Method>: Sendable {
  let option: HopOption
  let set: @Sendable (inout Method, [String]) throws(HopError) -> Void

  /// An option that the method always has a value for.
  init<Value: OptionValue>(
    _ name: String, _ path: any WritableKeyPath<Method, Value> & Sendable, holdsPaths: Bool = false
  ) {
    option = HopOption(name: name, isSecret: Value.isSecret, holdsPaths: holdsPaths)
    set = { method, values throws(HopError) in method[keyPath: path] = try OptionField.read(values, of: name) }
  }

  /// An option that the method can do without.
  init<Value: OptionValue>(
    _ name: String, _ path: any WritableKeyPath<Method, Value?> & Sendable, holdsPaths: Bool = false
  ) {
    option = HopOption(name: name, isSecret: Value.isSecret, holdsPaths: holdsPaths)
    set = { method, values throws(HopError) in
      let value: Value = try OptionField.read(values, of: name)
      method[keyPath: path] = value
    }
  }

  /// An option that can be given any number of times.
  init(list name: String, _ path: any WritableKeyPath<Method, [String]> & Sendable, holdsPaths: Bool = false) {
    option = HopOption(name: name, holdsPaths: holdsPaths, repeats: true)
    set = { method, values in method[keyPath: path] = values }
  }

  /// An option that has to be known before there is a method.
  init(initial name: String) {
    option = HopOption(name: name)
    set = { _, _ in }
  }

  private static func read<Value: OptionValue>(_ values: [String], of name: String) throws(HopError) -> Value {
    guard let text = values.last, let value = Value(optionText: text) else {
      let shown = Value.isSecret ? "the value" : "'\(values.last ?? "")'"
      throw HopError("\(name): \(shown) is not \(Value.expectation)")
    }
    return value
  }
}

extension OptionField where Method: ConnectionMethod {
  /// The options that all methods have.
  static var common: [OptionField] {
    [
      OptionField("name", \.options.name), OptionField("remote_name", \.options.remoteName),
      OptionField("debug", \.options.debug), OptionField("profiling", \.options.profiling),
      OptionField("unidirectional", \.options.unidirectional),
      OptionField("connect_timeout", \.options.connectTimeout),
      OptionField("python", \.options.python, holdsPaths: true),
    ]
  }
}
