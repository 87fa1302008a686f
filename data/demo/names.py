"""Invented place names in the manner of a northern Chinese city, with their pinyin.

Streets running north to south are 路, those running east to west 道, the widest 大街 and 大道; lanes of
the old town are 胡同, 巷 and 条; estates 里, 园 and 家园; villages 庄, 屯, 台 and 铺. The words are put together from
syllables of good omen, trees and the lie of the land; no place is meant.
"""

from collections.abc import Iterator

import numpy as np

_PINYIN = {
    "安": "an", "柏": "bai", "宝": "bao", "碧": "bi", "澄": "cheng", "春": "chun", "翠": "cui", "丹": "dan",
    "德": "de", "枫": "feng", "福": "fu", "富": "fu", "光": "guang", "桂": "gui", "海": "hai", "和": "he",
    "恒": "heng", "鸿": "hong", "华": "hua", "槐": "huai", "惠": "hui", "吉": "ji", "嘉": "jia", "锦": "jin",
    "景": "jing", "静": "jing", "康": "kang", "兰": "lan", "乐": "le", "丽": "li", "亮": "liang", "林": "lin",
    "柳": "liu", "隆": "long", "绿": "lü", "满": "man", "梅": "mei", "明": "ming", "宁": "ning", "平": "ping",
    "清": "qing", "庆": "qing", "秋": "qiu", "仁": "ren", "荣": "rong", "瑞": "rui", "润": "run", "善": "shan",
    "盛": "sheng", "书": "shu", "顺": "shun", "松": "song", "泰": "tai", "桃": "tao", "通": "tong", "同": "tong",
    "望": "wang", "文": "wen", "梧": "wu", "熙": "xi", "祥": "xiang", "晓": "xiao", "欣": "xin", "新": "xin",
    "兴": "xing", "秀": "xiu", "雅": "ya", "延": "yan", "雁": "yan", "阳": "yang", "怡": "yi", "义": "yi",
    "永": "yong", "裕": "yu", "玉": "yu", "园": "yuan", "源": "yuan", "远": "yuan", "云": "yun", "泽": "ze",
    "昭": "zhao", "真": "zhen", "正": "zheng", "芝": "zhi", "致": "zhi", "竹": "zhu", "紫": "zi", "晏": "yan",
    "路": "lu", "道": "dao", "街": "jie", "大": "da", "环": "huan", "巷": "xiang", "胡": "hu", "条": "tiao",
    "里": "li", "苑": "yuan", "家": "jia", "庄": "zhuang", "屯": "tun", "台": "tai", "铺": "pu", "村": "cun",
    "东": "dong", "西": "xi", "南": "nan", "北": "bei", "中": "zhong", "头": "tou", "二": "er", "三": "san",
    "四": "si", "五": "wu", "堤": "di", "河": "he", "桥": "qiao", "营": "ying", "口": "kou", "洼": "wa",
    "沟": "gou", "坟": "fen", "树": "shu", "井": "jing", "塘": "tang", "前": "qian", "后": "hou", "小": "xiao",
    "上": "shang", "下": "xia", "镇": "zhen", "区": "qu", "站": "zhan", "门": "men", "水": "shui", "榆": "yu",
    "杨": "yang", "杏": "xing", "枣": "zao", "白": "bai", "黄": "huang", "青": "qing", "石": "shi", "双": "shuang",
    "长": "chang", "高": "gao", "老": "lao", "港": "gang", "渔": "yu", "坨": "tuo", "淀": "dian", "花": "hua",
    "社": "she", "道口": "daokou", "一": "yi", "六": "liu", "城": "cheng", "湾": "wan", "岸": "an", "寨": "zhai", "公": "gong", "寓": "yu", "责": "ze", "任": "ren",
}  # fmt: skip

_OMEN = "安宝澄春翠德福富光海和恒鸿华惠吉嘉锦景康乐丽隆明宁平清庆仁荣瑞润善盛顺泰通同望文熙祥欣兴秀雅延怡义永裕玉源远云泽昭致"
_TREE = "柏枫桂槐兰林柳梅松桃梧竹紫芝榆杏雁碧"
_LAND = ["柳", "榆", "槐", "杨", "杏", "枣", "白", "黄", "青", "石", "双", "长", "高", "老", "渔", "花", "前", "后", "小", "大"]
_LAND_TAIL = ["树", "井", "桥", "沟", "洼", "坨", "塘", "河", "台", "营", "口", "堤"]
_VILLAGE_TAIL = ["庄", "屯", "铺", "村", "台", "寨", "庄子", "口"]
_PINYIN["子"] = "zi"
_SIDE = {"东": "dong", "西": "xi", "南": "nan", "北": "bei", "中": "zhong"}


def pinyin(name: str) -> str:
    """Return the name in pinyin without tones, one word per part.

    >>> pinyin("清晏路")
    'Qingyan Lu'
    """
    for sign, word in _WORDS.items():
        if name.endswith(sign) and len(name) > len(sign):
            return f"{pinyin(name[: -len(sign)])} {word}"
    generic = next((tail for tail in _GENERICS if name.endswith(tail) and len(name) > len(tail)), "")
    own = name[: len(name) - len(generic)]
    words = ["".join(_PINYIN.get(sign, sign) for sign in part) for part in (own, generic) if part]
    return " ".join(word[:1].upper() + word[1:] for word in words)


_WORDS = {
    "小学": "Xiaoxue", "中学": "Zhongxue", "幼儿园": "Youeryuan", "中医医院": "Zhongyi Yiyuan", "医院": "Yiyuan",
    "农贸市场": "Nongmao Shichang", "停车场": "Tingchechang", "超市": "Chaoshi", "网吧": "Wangba",
    "游艺厅": "Youyiting", "烟酒店": "Yanjiudian", "公共厕所": "Gonggong Cesuo", "社区": "Shequ",
}  # fmt: skip
_GENERICS = sorted(
    ["大街", "大道", "环路", "胡同", "堤路", "路", "道", "街", "巷", "里", "园", "苑", "家园", "花园", "村", "镇", "庄", "街道", "社区", "区", "镇区", "公园", "站",
     "东里", "西里", "南里", "新村", "公寓"],
    key=len,
    reverse=True,
)


class Names:
    """Draws names that have not been given before in this city."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._given: set[str] = set()
        self._rng = rng

    def _pick(self, signs: str | list[str]) -> str:
        return signs[int(self._rng.integers(len(signs)))]

    def _stems(self) -> Iterator[str]:
        while True:
            kind = self._rng.random()
            if kind < 0.62:
                yield self._pick(_OMEN) + self._pick(_OMEN)
            elif kind < 0.86:
                yield self._pick(_TREE) + self._pick(_OMEN)
            else:
                yield self._pick(_LAND) + self._pick(_LAND_TAIL)

    def _fresh(self, stems: Iterator[str], tail: str) -> str:
        for tries, stem in enumerate(stems):
            side = "" if tries < 60 else self._pick(list(_SIDE))
            name = stem + side + tail
            if name not in self._given and len(set(stem)) == len(stem):
                self._given.add(name)
                return name
        raise StopIteration

    def stem(self) -> str:
        """Return two signs for a district, a river or a railway."""
        return self._fresh(self._stems(), "")

    def street(self, *, level: str, eastward: bool) -> str:
        """Return a street's name: `level` is main, secondary, local or lane."""
        tails = {
            "main": ["大道" if eastward else "大街"],
            "secondary": ["道"] if eastward else ["路"],
            "local": ["道", "道", "街"] if eastward else ["路", "路", "街"],
            "lane": ["胡同", "巷", "胡同", "头条", "二条", "三条", "南巷", "北巷"],
        }[level]
        return self._fresh(self._stems(), self._pick(tails))

    def village(self) -> str:
        """Return a village's name, with its 村 where it does not already say so."""
        tail = self._pick(_VILLAGE_TAIL)
        return self._fresh(self._land_stems(), tail if tail.endswith("村") else tail + "村")

    def _land_stems(self) -> Iterator[str]:
        while True:
            head, tail = self._pick(_LAND), self._pick(_LAND_TAIL)
            yield head + tail if self._rng.random() < 0.7 else self._pick(_TREE) + self._pick(_LAND_TAIL)

    def estate(self) -> str:
        """Return a housing estate's name."""
        tails = ["里", "里", "东里", "西里", "南里", "园", "家园", "花园", "苑", "新村", "公寓"]
        return self._fresh(self._stems(), self._pick(tails))

    def territory(self, *, town: bool) -> str:
        """Return the name of a subdistrict (街道) or a town (镇)."""
        tail = "镇" if town else self._pick(["街道", "路街道", "里街道"])
        return self._fresh(self._land_stems() if town else self._stems(), tail)

    def shop(self, trade: str) -> str:
        """Return a shop sign; several shops may carry the same."""
        return self._pick(_OMEN) + self._pick(_OMEN) + trade
