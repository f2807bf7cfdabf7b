# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 四、一个镇街 One town
#
# 评分表逐条及理由、历年成绩、距上一等次还差多少、规模相近的同类镇街。
#
# One town's scorecard item by item with the reasons, its history, what the next grade would take, and the towns of its
# kind nearest in size.

# %%
from pipelines.analysis import one_town
from pipelines.analysis.marts import open_marts
from pipelines.analysis.tables import sentences, table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
year = 0  # 年度，0 为最近一年 the last year
town = ""  # 名称、代码或编号；留空为距上一等次最近的镇街 the one nearest below a better grade
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
year = year or marts.years[-1]
town_id = one_town.town_to_show(marts, town, year)

# %%
one_town.draw_scorecard(marts, town_id, year, language)

# %%
table(one_town.areas(marts, town_id, year, language), language)

# %% [markdown]
# ## 评分表 Scorecard

# %%
table(one_town.scorecard(marts, town_id, year, language), language)

# %% [markdown]
# ## 距上一等次 The next grade

# %%
sentences([one_town.gap_said(one_town.next_grade(marts, town_id, year), language)], language)

# %%
table(one_town.within_reach(marts, town_id, year, language), language)

# %% [markdown]
# ## 历年 History

# %%
one_town.draw_history(marts, town_id, language)

# %% [markdown]
# ## 同类镇街 Towns like it

# %%
one_town.draw_peers(marts, town_id, year, language)

# %%
table(one_town.peers_table(marts, town_id, year), language)
