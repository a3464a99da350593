"""Scripts in the public domain, and sentences that the small aligner of the tests has not seen."""

from pathlib import Path

BOOKS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "data/scripts").glob("*.txt"))}

ALICE = (
    "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do. "
    "Once or twice she had peeped into the book her sister was reading, but it had no pictures or conversations "
    "in it. And what is the use of a book, thought Alice, without pictures or conversations? So she was "
    "considering in her own mind, as well as she could, for the hot day made her feel very sleepy and stupid, "
    "whether the pleasure of making a daisy chain would be worth the trouble of getting up and picking the daisies."
)
CITIES = (
    "It was the best of times, it was the worst of times. It was the age of wisdom, it was the age of foolishness. "
    "We had everything before us, we had nothing before us. There were a king with a large jaw and a queen with a "
    "plain face, on the throne of England. In both countries it was clearer than crystal to the lords of the state "
    "that things in general were settled for ever."
)
EFFI = (
    "In Front des schon seit Kurfürst Georg Wilhelm von der Familie von Briest bewohnten Herrenhauses zu "
    "Hohen-Cremmen fiel heller Sonnenschein auf die mittagsstille Dorfstraße, während nach der Park- und "
    "Gartenseite hin ein rechtwinklig angebauter Seitenflügel einen breiten Schatten warf."
)
SWANN = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite "
    "que je n'avais pas le temps de me dire : je m'endors."
)
QUIJOTE = (
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo de los de "
    "lanza en astillero, adarga antigua, rocín flaco y galgo corredor."
)
SPOSI = (
    "Quel ramo del lago di Como, che volge a mezzogiorno, tra due catene non interrotte di monti, tutto a seni e a "
    "golfi, a seconda dello sporgere e del rientrare di quelli, vien quasi a un tratto a ristringersi."
)
BY_LANGUAGE = {"en": ALICE, "de": EFFI, "fr": SWANN, "es": QUIJOTE, "it": SPOSI}

# It was trained on random rows of words; these are sentences, written for the tests.
HELD_OUT = [
    "The baker left a basket of warm rolls beside the garden gate before sunrise.",
    "Nobody in the village could remember who had painted the old bridge yellow.",
    "We walked along the river until the path turned sharply toward the mill.",
    "Please write your answer on the back of the card and hand it to the clerk.",
    "A heavy wooden door stood open at the far end of the narrow hall.",
    "She told the driver to wait while she looked for her missing gloves.",
    "Most of the letters in the drawer were written by a patient hand.",
    "The captain studied the map twice before he gave the final order.",
    "Children ran past the market with paper boats and sticky fingers.",
    "If the weather holds, the harvest will be finished before Friday evening.",
    "An owl called from the barn while the rest of the farm was sleeping.",
    "They sold the piano last winter and bought a small printing press.",
    "My uncle keeps a jar of buttons that nobody is allowed to touch.",
    "The train slowed down near the lake, and everyone leaned to the window.",
    "Every visitor was given a candle, a blanket and a cup of soup.",
    "He measured the shelf carefully but still cut the board too short.",
    "Two silver coins were hidden under the loose stone by the well.",
    "The teacher asked a simple question, and the whole room went quiet.",
    "Snow had covered the fence so that only the tops of the posts were seen.",
    "When the bell finally rang, the dog was already waiting by the stairs.",
]
