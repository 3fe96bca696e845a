/// The services that come with the library, by Mitogen's names: a child makes them when a parent first calls them.
enum BuiltInServices {
  static let types: [String: any Service.Type] = [
    FileService.name: FileService.self, PushFileService.name: PushFileService.self,
  ]
}

extension DefaultServiceActivator {
  /// The type of this program, or of the library, that has this name.
  public func serviceType(named name: String) -> (any Service.Type)? {
    if let type = BuiltInServices.types[name] { return type }
    guard let type = NamedType.find(name, where: { $0 as? any Service.Type }), type.name == name else { return nil }
    return type
  }
}
