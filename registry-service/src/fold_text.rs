//! Texts as they are searched: without case, diacritics and scripts other than the Latin one, in words.
//!
//! `Köln`, `KOELN` and `koln` are not all the same word, but the first and the last are: letters fold to
//! what they look like (ö → o, ø → o, ł → l, ß → ss), as somebody types them who lacks the keyboard.

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<String> {
    let latin = deunicode::deunicode_with_tofu(text, " ");
    latin
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_diacritics_and_scripts_fold() {
        let cases = [
            ("Köln", "koln"),
            ("Ko\u{308}ln", "koln"),
            ("Straße", "strasse"),
            ("København", "kobenhavn"),
            ("ŁÓDŹ", "lodz"),
            ("L'Aquila", "l aquila"),
            ("Saint-Denis (93)", "saint denis 93"),
            ("İstanbul", "istanbul"),
            ("Αθήνα", "athena"),
            ("東京", "dong jing"),
            ("C40", "c40"),
            ("— ! ?", ""),
        ];
        for (text, folded) in cases {
            assert_eq!(words(text).join(" "), folded, "{text}");
        }
    }
}
