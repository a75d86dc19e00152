"""Makes the sample photos of this folder from freely usable pictures (see README.md for the licences).

Needs: pip install scikit-image scikit-learn matplotlib pillow koreanize-matplotlib
Run:   python usecases/samples/make_samples.py

The photos are committed, so nobody needs to run this to use them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from matplotlib import cbook
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from skimage import data
from sklearn.datasets import load_sample_image

FOLDER = Path(__file__).parent
FONT = Path(str(find_spec("koreanize_matplotlib").origin)).parent / "fonts" / "NanumGothicBold.ttf"

CAPTIONS = {  # file -> lines drawn over a portrait
    "contact.jpg": ["call me 010-1234-5678", "KakaoTalk ID: lovely22"],
    "phone_korean.jpg": ["010-1234-5678"],
    "phone_international.jpg": ["+82 10 1234 5678"],
    "phone_spaced.jpg": ["0 1 0 . 1 2 3 4 . 5 6 7 8"],
    "phone_lookalike.jpg": ["O1O 1234 5678"],
    "phone_two_lines.jpg": ["010 1234", "5678"],
    "kakao.jpg": ["KakaoTalk ID: lovely22"],
    "line.jpg": ["LINE ID: mint_77"],
    "telegram.jpg": ["Telegram: moonlight_k"],
    "instagram.jpg": ["Instagram: han.river.run"],
    "handle.jpg": ["@seoul_walks"],
    "url.jpg": ["www.meet-me.example/join"],
    "advertising.jpg": ["BIG SALE 50% OFF", "free coupon"],
    "caption_summer.jpg": ["Summer 2024"],
    "caption_date_price.jpg": ["Jeju 2023.07.15", "ticket 12,000 won"],
    "korean_harmless.jpg": ["오늘도 행복하게"],
    "korean_phone.jpg": ["전화 주세요", "010 9876 5432"],
}


def sized(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture filling ``width`` x ``height`` pixels, cropped where the proportions differ."""
    return ImageOps.fit(picture.convert("RGB"), (width, height), Image.Resampling.LANCZOS)


def captioned(picture: Image.Image, lines: list[str]) -> Image.Image:
    """A copy with ``lines`` drawn near the lower edge, white with a dark outline."""
    picture = picture.copy()
    pen = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(FONT), picture.width // 14)
    step = int(font.size * 1.5)
    top = picture.height - step * len(lines) - step // 2
    for row, line in enumerate(lines):
        place = (picture.width // 2, top + row * step)
        pen.text(place, line, font=font, fill="white", anchor="ma", stroke_width=3, stroke_fill="black")
    return picture


def dimmed(picture: Image.Image, brightness: float, contrast: float = 1.0) -> Image.Image:
    """A copy with brightness and contrast scaled."""
    return ImageEnhance.Contrast(ImageEnhance.Brightness(picture).enhance(brightness)).enhance(contrast)


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures of the same height, side by side."""
    both = Image.new("RGB", (left.width + right.width, left.height))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


def placed(person: Image.Image, ground: Image.Image, height: int) -> Image.Image:
    """A person ``height`` pixels tall, standing small in the lower middle of a picture."""
    small = ImageOps.contain(person, (ground.width, height), Image.Resampling.LANCZOS)
    picture = ground.copy()
    picture.paste(small, ((ground.width - small.width) // 2, ground.height - small.height))
    return picture


def portraits() -> dict[str, Image.Image]:
    """Photos with one face that a service would want, and variants of them."""
    collins = Image.fromarray(data.astronaut())
    hopper = Image.open(cbook.get_sample_data("grace_hopper.jpg"))
    portrait = sized(collins.crop((70, 0, 390, 400)), 640, 800)
    officer = sized(hopper.crop((90, 20, 490, 520)), 640, 800)
    return {
        "portrait.jpg": portrait,
        "portrait_officer.jpg": officer,
        "portrait_crop.jpg": sized(collins.crop((130, 10, 330, 260)), 640, 800),
        "portrait_mirrored.jpg": ImageOps.mirror(portrait),
        "portrait_grey.png": officer.convert("L").resize((320, 400)).quantize(32),
        "portrait_dim.jpg": dimmed(officer, 0.6),
    }


def others(portrait: Image.Image, officer: Image.Image) -> dict[str, Image.Image]:
    """Photos without a face, with two, and with technical faults."""
    china = sized(Image.fromarray(load_sample_image("china.jpg")), 800, 534)
    return {
        "landscape.jpg": china,
        "flower.jpg": sized(Image.fromarray(load_sample_image("flower.jpg")), 800, 534),
        "coffee.jpg": sized(Image.fromarray(data.coffee()), 800, 534),
        "cat.jpg": sized(Image.fromarray(data.chelsea()), 800, 532),
        "two_people.jpg": beside(sized(portrait, 440, 550), sized(officer, 440, 550)),
        "far_away.jpg": placed(portrait, china, 140),
        "dim_and_distant.jpg": dimmed(placed(portrait, china, 240), 0.25, 0.8),
        "tiny.jpg": sized(portrait, 90, 90),
        "dark.jpg": dimmed(portrait, 0.06),
        "foggy.jpg": dimmed(portrait, 1.0, 0.04),
    }


def main() -> None:
    """Write every sample into this folder."""
    photos = portraits()
    grounds = [photos["portrait.jpg"], photos["portrait_officer.jpg"]]
    photos |= others(*grounds)
    photos |= {name: captioned(grounds[i % 2], lines) for i, (name, lines) in enumerate(CAPTIONS.items())}
    for name, picture in photos.items():
        picture.save(FOLDER / name, quality=80, optimize=True)


if __name__ == "__main__":
    main()
