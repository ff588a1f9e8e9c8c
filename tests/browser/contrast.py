"""Words on the page with less contrast than WCAG 2.2 asks for: 4.5 to 1 between them and what lies behind (1.4.3)."""

WEAK = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return { rgb: [r, g, b], alpha: a / 255 };
    };
    const over = (top, alpha, below) => top.map((each, at) => each * alpha + below[at] * (1 - alpha));
    const light = (colour) => {
        const [r, g, b] = colour.map((each) => {
            const part = each / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ancestors = (element) => {
        const all = [];
        for (let at = element; at; at = at.parentElement) all.unshift(at);
        return all;
    };
    // What is see-through lets what lies behind it shine through.
    const behind = (element) => ancestors(element).reduce((below, each) => {
        const { rgb, alpha } = channels(getComputedStyle(each).backgroundColor);
        return over(rgb, alpha, below);
    }, [255, 255, 255]);
    const opacity = (element) => ancestors(element).reduce((all, each) => all * getComputedStyle(each).opacity, 1);
    const ratio = (element, pseudo) => {
        const ground = behind(element);
        const style = getComputedStyle(element, pseudo);
        const { rgb, alpha } = channels(style.color);
        const words = over(rgb, alpha * opacity(element) * (pseudo ? style.opacity : 1), ground);
        const [one, other] = [light(words), light(ground)];
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    };
    const weak = [];
    const check = (element, words, pseudo) => {
        const found = ratio(element, pseudo);
        if (found < 4.5) weak.push(`${words.slice(0, 30)}: ${found.toFixed(2)}`);
    };
    for (const element of document.querySelectorAll("#page *")) {
        const isShown = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
        if (!isShown || element.closest(".visually-hidden, .skip, .spoiler, option, :disabled")) continue;
        const texts = [...element.childNodes].filter((each) => each.nodeType === 3);
        const words = texts.map((each) => each.data.trim()).join("");
        if (words) check(element, words);
        if (element.placeholder && !element.value) check(element, element.placeholder, "::placeholder");
    }
    return weak;
}"""
