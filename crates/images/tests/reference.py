"""Writes files/ (pictures as Pillow writes them), decoded/ (what Pillow reads) and transformed/ with reference.json
(what torchvision makes of the picture rgb.png). Run with torchvision 0.26 and Pillow 13."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional as F
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F1

HERE = Path(__file__).parent
rng = np.random.default_rng(4)
for folder in ("files", "decoded", "transformed"):
    (HERE / folder).mkdir(exist_ok=True)
    for old in (HERE / folder).iterdir():
        old.unlink()


def picture(width, height, noise=8):
    """A smooth picture with some edges and noise, as photographs have."""
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.BICUBIC), dtype=np.int32).copy()
    smooth[height // 3 : height // 2, width // 4 : width // 2] += 60
    return Image.fromarray(np.clip(smooth + rng.integers(-noise, noise + 1, smooth.shape), 0, 255).astype(np.uint8))


rgb = picture(53, 38)
grey = rgb.convert("L")
alpha = Image.fromarray(rng.integers(0, 256, (38, 53), dtype=np.uint8))
rgba = rgb.copy()
rgba.putalpha(alpha)
palette = rgb.quantize(40)
files = {
    "jpeg.jpg": (rgb, dict(quality=90)),
    "jpeg-444.jpg": (rgb, dict(quality=95, subsampling=0)),
    "jpeg-422.jpg": (rgb, dict(quality=85, subsampling=1)),
    "jpeg-progressive.jpg": (rgb, dict(quality=90, progressive=True)),
    "jpeg-grey.jpg": (grey, dict(quality=90)),
    "jpeg-cmyk.jpg": (rgb.convert("CMYK"), dict(quality=95)),
    "png-rgb.png": (rgb, {}),
    "png-grey.png": (grey, {}),
    "png-rgba.png": (rgba, {}),
    "png-grey-alpha.png": (rgba.convert("LA"), {}),
    "png-palette.png": (palette, {}),
    "png-palette-transparent.png": (palette, dict(transparency=3)),
    "png-bits.png": (grey.convert("1"), {}),
    "gif.gif": (palette, {}),
    "gif-frames.gif": (palette, dict(save_all=True, append_images=[palette.transpose(Image.FLIP_LEFT_RIGHT)])),
    "bmp.bmp": (rgb, {}),
    "bmp-palette.bmp": (palette, {}),
    "webp-lossless.webp": (rgb, dict(lossless=True)),
    "webp-alpha.webp": (rgba, dict(lossless=True, exact=True)),
    "webp.webp": (rgb, dict(quality=90)),
    "a-jpeg-named.png": (rgb, dict(quality=90, format="JPEG")),
}
exif = Image.Exif()
for orientation in range(2, 9):
    exif[0x0112] = orientation
    files[f"jpeg-exif-{orientation}.jpg"] = (rgb, dict(quality=90, exif=exif.tobytes()))
shapes = {}
for name, (image, options) in files.items():
    image.save(HERE / "files" / name, **options)
wide = (np.asarray(grey, dtype=np.uint16) * 256 + rng.integers(0, 256, (38, 53))).astype(np.uint16)
Image.fromarray(wide).save(HERE / "files" / "png-grey-16.png")
files["png-grey-16.png"] = None
# The same four components, said to be YCCK: the Adobe segment's last byte is the transform.
cmyk = bytearray((HERE / "files" / "jpeg-cmyk.jpg").read_bytes())
cmyk[cmyk.index(b"Adobe") + 11] = 2
(HERE / "files" / "jpeg-ycck.jpg").write_bytes(cmyk)
files["jpeg-ycck.jpg"] = None
for name in files:
    image = ImageOps.exif_transpose(Image.open(HERE / "files" / name))
    if name == "png-grey-16.png":
        image = Image.fromarray((wide >> 8).astype(np.uint8))
    image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
    levels = np.asarray(image)
    shapes[name] = [image.height, image.width, 1 if image.mode == "L" else 3]
    (HERE / "decoded" / f"{name}.z").write_bytes(zlib.compress(levels.tobytes(), 9))

whole = (HERE / "files" / "jpeg.jpg").read_bytes()
(HERE / "files" / "cut.jpg").write_bytes(whole[: len(whole) * 2 // 3])
whole = (HERE / "files" / "png-rgb.png").read_bytes()
(HERE / "files" / "cut.png").write_bytes(whole[: len(whole) * 2 // 3])
(HERE / "files" / "page.jpg").write_bytes(b"<!DOCTYPE html><title>404</title>")
rgb.save(HERE / "files" / "tiff.jpg", format="TIFF")
(HERE / "files" / "a-cut-jpeg-named.png").write_bytes((HERE / "files" / "jpeg.jpg").read_bytes()[:700])
bomb = bytearray((HERE / "files" / "png-rgb.png").read_bytes())
bomb[16:24] = (60000).to_bytes(4, "big") * 2
bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
(HERE / "files" / "bomb.png").write_bytes(bytes(bomb[:200]))

BILINEAR, BICUBIC = InterpolationMode.BILINEAR, InterpolationMode.BICUBIC
cases = {}


def case(name, image, op, **arguments):
    image.save(HERE / "transformed" / f"{name}.png", optimize=True)
    cases[name] = {"op": op} | arguments


for source, image in (("rgb", rgb), ("grey", grey)):
    for filter_name, mode in (("bilinear", BILINEAR), ("bicubic", BICUBIC)):
        for size in (16, 29, 71):
            case(f"{source}-shorter-{size}-{filter_name}", F.resize(image, size, mode), "resize", source=source,
                 transform={"resize": {"shorter": size, "interpolation": filter_name}})
        for height, width in ((20, 61), (64, 9), (38, 20), (3, 3)):
            case(f"{source}-{height}x{width}-{filter_name}", F.resize(image, [height, width], mode), "resize", source=source,
                 transform={"resize": {"height": height, "width": width, "interpolation": filter_name}})
    for height, width in ((20, 21), (33, 60), (45, 30), (50, 70)):
        case(f"{source}-crop-{height}x{width}", F.center_crop(image, [height, width]), "resize", source=source,
             transform={"center-crop": {"height": height, "width": width}})
case("to-grey", F1.to_grayscale(rgb, 1), "resize", source="rgb", transform="grey")
case("to-rgb", F.grayscale_to_rgb(grey) if hasattr(F, "grayscale_to_rgb") else grey.convert("RGB"), "resize", source="grey", transform="rgb")
case("flip-x", F.horizontal_flip(rgb), "resize", source="rgb", transform={"horizontal-flip": 1.0})
case("flip-y", F.vertical_flip(rgb), "resize", source="rgb", transform={"vertical-flip": 1.0})
case("grey-channels", F1.to_grayscale(rgb, 3), "resize", source="rgb", transform={"random-grey": 1.0})
for source, image in (("rgb", rgb), ("grey", grey)):
    for angle in (0.0, 7.5, 90.0, -33.3, 180.0):
        case(f"{source}-rotate-{angle}", F.rotate(image, angle, BILINEAR, fill=17), "rotate", source=source, number=angle)
    for factor in (0.7, 1.3):
        case(f"{source}-zoom-{factor}", F.affine(image, 0.0, [0, 0], factor, [0.0, 0.0], BILINEAR, fill=17), "zoom", source=source, number=factor)
    case(f"{source}-shift", F.affine(image, 0.0, [5, -3], 1.0, [0.0, 0.0], BILINEAR, fill=17), "shift", source=source, number=0)
    for factor in (0.0, 0.35, 1.0, 1.8):
        case(f"{source}-brightness-{factor}", F.adjust_brightness(image, factor), "brightness", source=source, number=factor)
        case(f"{source}-contrast-{factor}", F.adjust_contrast(image, factor), "contrast", source=source, number=factor)
        case(f"{source}-saturation-{factor}", F.adjust_saturation(image, factor), "saturation", source=source, number=factor)
    for part in (-0.5, -0.1, 0.25, 0.5):
        case(f"{source}-hue-{part}", F.adjust_hue(image, part), "hue", source=source, number=part)
rgb.save(HERE / "transformed" / "source-rgb.png")
grey.save(HERE / "transformed" / "source-grey.png")

tensor = F1.normalize(F1.to_tensor(rgb), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
numbers = {"imagenet": [tensor[c, y, x].item() for c, y, x in ((0, 0, 0), (1, 5, 7), (2, 37, 52))]}

# The distribution of RandomResizedCrop and RandomErasing: means over draws of the places and sides.
from torchvision.transforms import RandomErasing, RandomResizedCrop

torch.manual_seed(1)
crops = [RandomResizedCrop.get_params(rgb, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(20000)]
erasures = [RandomErasing.get_params(torch.zeros(3, 38, 53), (0.02, 0.33), (0.3, 3.3), [0.0])[:4] for _ in range(20000)]
moments = {
    "crop": [np.mean(crops, axis=0).tolist(), np.std(crops, axis=0).tolist()],
    "erasing": [np.mean(erasures, axis=0).tolist(), np.std(erasures, axis=0).tolist()],
}
reference = {"decoded": shapes, "transformed": cases, "numbers": numbers, "moments": moments}
(HERE / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")
