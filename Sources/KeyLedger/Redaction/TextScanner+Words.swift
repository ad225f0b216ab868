// Names and addresses, as far as they have a shape.

extension TextScanner {
    /// Tries a word with a capital letter: a form of address before a name, or a street before its number.
    mutating func scanCapitalizedWord(at offset: Int) -> Int {
        let wordEnd = end(from: offset, \.isLetterOrBeyondASCII)
        guard !byte(offset - 1).isASCIIAlphanumeric, byte(offset - 1) < 0x80 else { return wordEnd }
        if let name = nameBehindTitle(offset..<wordEnd) {
            found(.name, name)
            return name.upperBound
        }
        if let end = streetEnd(offset..<wordEnd) {
            found(.address, offset..<end)
            return end
        }
        return wordEnd
    }

    private static let titles: Set<String> = [
        "mr", "mrs", "ms", "dr", "prof", "herr", "frau", "mme", "mlle", "señor", "señora", "sra",
    ]

    /// `Mrs. Ana Silva`: the name without its title.
    private func nameBehindTitle(_ word: Range<Int>) -> Range<Int>? {
        // Not in capitals: MS Windows, DR site.
        guard word.count <= 8, !byte(word.lowerBound + 1).isASCIIUppercase, Self.titles.contains(lowercased(word))
        else {
            return nil
        }
        var start = word.upperBound
        if byte(start) == UInt8(ascii: ".") { start += 1 }
        guard let start = separatorEnd(at: start), let end = capitalizedWordsEnd(from: start, countMax: 4) else {
            return nil
        }
        return start..<end
    }

    /// The end of up to `countMax` words that begin with a capital letter, or with one beyond ASCII.
    func capitalizedWordsEnd(from start: Int, countMax: Int) -> Int? {
        var end: Int?
        var next = start
        for _ in 0..<countMax {
            guard byte(next).isASCIIUppercase || byte(next) >= 0x80 else { break }
            var wordEnd = self.end(from: next) {
                $0.isLetterOrBeyondASCII || $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "-")
            }
            if !byte(wordEnd - 1).isLetterOrBeyondASCII { wordEnd -= 1 }
            end = wordEnd
            // An initial has a full stop: John Q. Public.
            let isInitial = wordEnd == next + 1 && byte(wordEnd) == UInt8(ascii: ".")
            guard let following = separatorEnd(at: isInitial ? wordEnd + 1 : wordEnd) else { break }
            next = following
        }
        return end
    }

    // MARK: - Streets

    private static let thoroughfares: Set<String> = [
        "street", "st", "avenue", "ave", "road", "rd", "boulevard", "blvd", "lane", "ln", "drive", "dr", "court", "ct",
        "way", "place", "pl", "square", "sq", "terrace", "ter", "parkway", "pkwy", "highway", "hwy", "circle", "cir",
        "crescent",
    ]

    /// `221B Baker Street`, `1600 Pennsylvania Avenue NW, Washington, DC 20500`: the end of an address whose house
    /// number has just been read.
    func streetAddressEnd(from start: Int, number numberEnd: Int) -> Int? {
        guard numberEnd - start <= 6 else { return nil }
        var offset = numberEnd
        if byte(offset).isASCIILetter, !byte(offset + 1).isASCIIAlphanumeric { offset += 1 }
        for index in 0..<6 {
            guard let word = separatorEnd(at: offset), isAddressWord(at: word) else { return nil }
            let wordEnd = end(from: word) { $0.isASCIIAlphanumeric || $0 >= 0x80 || $0 == UInt8(ascii: "'") }
            guard wordEnd > word else { return nil }
            if index > 0, Self.thoroughfares.contains(lowercased(word..<wordEnd)) { return placeEnd(from: wordEnd) }
            offset = byte(wordEnd) == UInt8(ascii: ".") ? wordEnd + 1 : wordEnd
        }
        return nil
    }

    private func isAddressWord(at offset: Int) -> Bool {
        let first = byte(offset)
        return first.isASCIIUppercase || first >= 0x80 || first.isASCIIDigit
    }

    /// Takes the unit, the town, the state and the code behind a street with it, as far as they are there.
    private func placeEnd(from street: Int) -> Int {
        var end = street
        var isTown = false
        for _ in 0..<8 {
            var offset = end
            if byte(offset) == UInt8(ascii: ".") { offset += 1 }
            if byte(offset) == UInt8(ascii: ",") {
                offset += 1
                isTown = true
            }
            guard let next = separatorEnd(at: offset) else { break }
            let wordEnd = self.end(from: next) { $0.isASCIIAlphanumeric || $0 >= 0x80 || $0 == UInt8(ascii: "-") }
            guard wordEnd > next, isPlaceWord(next..<wordEnd, inTown: isTown) else { break }
            end = wordEnd
        }
        return end
    }

    private func isPlaceWord(_ word: Range<Int>, inTown: Bool) -> Bool {
        let text = bytes[word]
        if text.allSatisfy({ $0.isASCIIDigit || $0 == UInt8(ascii: "-") }) { return (4...10).contains(text.count) }
        if text.count <= 4, text.contains(where: \.isASCIIDigit) { return true }
        if text.count <= 2, text.allSatisfy(\.isASCIIUppercase) { return true }
        let isUnit = ["apt", "suite", "unit", "ste", "floor"].contains(lowercased(word))
        return isUnit || inTown && (byte(word.lowerBound).isASCIIUppercase || byte(word.lowerBound) >= 0x80)
    }

    /// `Mariahilfer Straße 5`, `Hauptstraße 12`.
    private func streetEnd(_ word: Range<Int>) -> Int? {
        let text = lowercased(word)
        var wordEnd = word.upperBound
        if !Self.isStreetName(text) {
            guard let second = separatorEnd(at: wordEnd) else { return nil }
            wordEnd = end(from: second, \.isLetterOrBeyondASCII)
            guard Self.isStreetName(lowercased(second..<wordEnd)) else { return nil }
        }
        guard let number = separatorEnd(at: wordEnd) else { return nil }
        let numberEnd = end(from: number, \.isASCIIDigit)
        guard (1...4).contains(numberEnd - number) else { return nil }
        return byte(numberEnd).isASCIILetter && !byte(numberEnd + 1).isASCIIAlphanumeric ? numberEnd + 1 : numberEnd
    }

    private static func isStreetName(_ word: String) -> Bool {
        ["straße", "strasse", "gasse", "allee"].contains { word.hasSuffix($0) }
    }

    // MARK: - Bytes

    /// Behind one space, also as URLs write it.
    func separatorEnd(at offset: Int) -> Int? {
        switch byte(offset) {
        case UInt8(ascii: " "), UInt8(ascii: "+"): offset + 1
        case UInt8(ascii: "%") where matches("%20", at: offset): offset + 3
        default: nil
        }
    }

    func lowercased(_ range: Range<Int>) -> String {
        String(decoding: bytes[range].lazy.map(\.lowercasedASCII), as: UTF8.self)
    }
}
